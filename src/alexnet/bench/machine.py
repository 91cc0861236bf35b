"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

_MEMORY_INFO, _CPU_INFO = Path("/proc/meminfo"), Path("/proc/cpuinfo")


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory, system and load as plain values; None where the system does not say."""
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "memory_bytes": _memory("MemTotal"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def cpu_model() -> str:
    """Return the processor's name."""
    if _CPU_INFO.is_file():
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
        fields = (line.partition(":") for line in lines)
        found = {name.strip(): value.strip() for name, _, value in reversed(list(fields))}
        if name := found.get("model name"):
            family, model = found.get("cpu family"), found.get("model")
            return f"{name} (family {family}, model {model})" if family and model else name
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or platform.machine()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Return the number of cores that contestants may use, whatever a shell says of threads."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory() -> int | None:
    """Return the bytes that a new process may use without swapping, where the system says."""
    return _memory("MemAvailable")


def changed_checkout() -> bool | None:
    """Say whether the checkout that the package lies in differs from its commit; None where there is none."""
    folder = Path(__file__).resolve().parents[3]
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return bool(done.stdout.strip()) if done.returncode == 0 else None


def _memory(name: str) -> int | None:
    if _MEMORY_INFO.is_file():
        for line in _MEMORY_INFO.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None
