"""What the long forms of the fault harnesses say of where and when they ran."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def about() -> dict[str, object]:
    """Return date, commit, machine and versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "commit": _git("rev-parse", "HEAD"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}",
        "software": {name: metadata.version(name) for name in ("torch", "safetensors")}
        | {"python": platform.python_version()},
    }


def write(result: dict[str, object], out: Path | None) -> None:
    """Print a result, and keep it where asked to."""
    text = json.dumps(result, indent=1)
    print(text)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(_HERE), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()
