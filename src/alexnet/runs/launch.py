"""Which start of torchrun a process belongs to: after a restart, that is how it finds the run that was broken off."""

from __future__ import annotations

import os
from pathlib import Path

from alexnet.core.errors import CheckpointError
from alexnet.runs.folder import RunFolder


def launch() -> str | None:
    """Return the name of this start of torchrun, the same after each of its restarts, or None without torchrun."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    if name is None or name != "none":
        return name
    agent = os.getppid()
    return f"{os.uname().nodename} {agent} {_started(agent)}"


def broken_off(output_dir: Path | None, root: Path = Path("runs")) -> Path | None:
    """Return the newest run folder of this start of torchrun, if an earlier attempt has begun one.

    Args:
        output_dir: The run's folder, where it was given.
        root: Where to look otherwise.
    """
    folders = [output_dir] if output_dir else sorted(root.glob("*"), key=_changed, reverse=True)
    return next((folder for folder in folders if _launch_of(folder) == launch()), None)


def _launch_of(folder: Path) -> object:
    try:
        return RunFolder(folder).read_record().get("launch", "unknown")
    except CheckpointError:
        return "unknown"


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _started(process: int) -> str:
    """Return when a process began, in the system's ticks: its number alone may have been another's before."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
