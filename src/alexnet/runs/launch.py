"""Which start of torchrun a process belongs to: after a restart, that is how it finds the run that was broken off."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alexnet.core.errors import CheckpointError, StoppedError
from alexnet.data.pack.read import Pack
from alexnet.parallel.world import World
from alexnet.runs.folder import RunFolder
from alexnet.runs.recipe import Recipe


def launch() -> str | None:
    """Return the name of this start of torchrun, the same after each of its restarts, or None without torchrun."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    if name is None or name != "none":
        return name
    agent = os.getppid()
    return f"{os.uname().nodename} {agent} {_started(agent)}"


def broken_off(output_dir: Path | None, recipe: Recipe, pack: Pack, world: World) -> Path | None:
    """Return the newest run of this recipe and data that this start of torchrun has begun and not finished.

    A host that comes back counts its restarts from nothing, so the first process may not know that there was one;
    a batch system that starts a job again under its name wants its run, too.

    Args:
        output_dir: The run's folder, where it was given.
    """
    name = launch()
    if name is None:
        return None
    folders = [output_dir] if output_dir else sorted(Path("runs").glob("*"), key=_changed, reverse=True)
    wanted = {"launch": name, "recipe_sha256": recipe.digest(), "pack_digest": pack.digest}
    for path in folders:
        record = _record(path)
        if wanted.items() <= record.items() and (world.attempt or record["status"] != "finished"):
            return path
    return None


def require_not_stopped(folder: RunFolder, record: Mapping[str, Any]) -> None:
    """Refuse to go on when somebody has asked this start of torchrun to stop, and it only restarts what has left.

    Raises:
        StoppedError: says how to go on.
    """
    if record.get("launch") == launch() is not None and record["status"] == StoppedError.__name__:
        raise StoppedError(
            "was asked to stop; torchrun's restart changes nothing",
            where=folder.path,
            remedy=f"go on with: alexnet train --resume {folder.path}",
        )


def _record(path: Path) -> dict[str, Any]:
    try:
        return RunFolder(path).read_record() if RunFolder(path).recipe.is_file() else {}
    except CheckpointError:
        return {}


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _started(process: int) -> str:
    """Return when a process began, in the system's ticks: its number alone may have been another's before."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
