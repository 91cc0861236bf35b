"""What a run ran on: recorded with it, and compared when it is resumed."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from alexnet.ops import native

_PACKAGES = ("torch", "numpy", "pillow", "simplejpeg", "safetensors")
IDENTITY = ("torch", "capability", "threads", "device", "kernels")
"""What decides the bits of a run besides recipe and data; a resume under another warns."""


def describe(device: torch.device) -> dict[str, Any]:
    """Return versions, machine and commit as plain values."""
    versions = {name: metadata.version(name) for name in _PACKAGES}
    return {
        **versions,
        "alexnet": metadata.version("alexnet"),
        "commit": _commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "kernels": "compiled" if native.available() else "torch",
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what differs between two environments and may change the bits of a run."""
    return [f"{k} {before.get(k)} -> {now.get(k)}" for k in IDENTITY if before.get(k) != now.get(k)]


def _commit() -> str | None:
    folder = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and (folder.parents[2] / ".git").exists() else None
