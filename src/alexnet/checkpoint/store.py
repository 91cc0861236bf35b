"""The checkpoints of one run: committed whole, verified when read, the last few and the best kept."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet.core.errors import CheckpointError
from alexnet.core.files import (
    TEMPORARY,
    commit_folder,
    discard,
    remove_leftovers,
    storage_error,
    sync_folder,
    verify_folder,
)

MODEL, VELOCITY, STATE, CONFIG = "model.safetensors", "velocity.safetensors", "state.json", "config.json"
_FOLDER = re.compile(r"step-(\d{9})")


class CheckpointStore:
    """A folder of checkpoints `step-000001234/`, one committed folder each.

    Args:
        folder: Created when missing.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(
        self,
        step: int,
        *,
        model: Mapping[str, Tensor],
        velocity: Mapping[str, Tensor],
        state: Mapping[str, Any],
        config: Mapping[str, Any],
    ) -> Path:
        """Commit the checkpoint of a step; when it returns, a power cut cannot lose it.

        Raises:
            StorageError: disk full or not writable; earlier checkpoints are untouched.
        """
        from safetensors.torch import save

        path = self.path(step)
        if path.exists():
            return path
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.folder) from None
        size = sum(t.numel() * t.element_size() for part in (model, velocity) for t in part.values())
        with commit_folder(path, size) as temporary:
            (temporary / MODEL).write_bytes(save(_plain(model), {"format": "pt"}))
            (temporary / VELOCITY).write_bytes(save(_plain(velocity), {"format": "pt"}))
            for name, value in ((STATE, state), (CONFIG, config)):
                (temporary / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return path

    def path(self, step: int) -> Path:
        """Return where the checkpoint of a step is or would be."""
        return self.folder / f"step-{step:09d}"

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, oldest first."""
        if not self.folder.is_dir():
            return []
        matches = (_FOLDER.fullmatch(p.name) for p in self.folder.iterdir() if p.is_dir())
        return sorted(int(match[1]) for match in matches if match)

    def latest(self, say: Callable[[str], None] = lambda line: None) -> Path | None:
        """Return the newest checkpoint whose every byte is right, or None where there is none at all.

        A damaged one is renamed to `.bad` and named through `say`.

        Raises:
            CheckpointError: there are checkpoints and none of them is whole.
        """
        steps = self.steps()
        for step in reversed(steps):
            path = self.path(step)
            try:
                verify_folder(path)
                return path
            except CheckpointError as error:
                bad = path.with_name(path.name + ".bad")
                discard(bad)
                os.rename(path, bad)
                say(f"{error}; set aside as {bad.name}")
        if steps:
            raise CheckpointError("holds no whole checkpoint", where=self.folder, remedy="start the run again")
        return None

    def rotate(self, keep: int, best: int | None) -> None:
        """Remove all but the last `keep` checkpoints and the best one, after the newest has been read back."""
        steps = self.steps()
        if len(steps) <= keep:
            return
        verify_folder(self.path(steps[-1]))
        for step in steps[:-keep]:
            if step != best:
                path = self.path(step)
                doomed = path.with_name(f"{TEMPORARY}old-{path.name}")
                os.rename(path, doomed)
                discard(doomed)
        sync_folder(self.folder)

    def clean(self) -> None:
        """Remove what killed writers left behind."""
        remove_leftovers(self.folder)


def read_json(path: Path) -> dict[str, Any]:
    """Read one of a checkpoint's JSON files.

    Raises:
        CheckpointError: it is missing or not JSON.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"cannot be read ({error})", where=path) from None
    if not isinstance(value, dict):
        raise CheckpointError("is not a JSON object", where=path)
    return value


def read_tensors(path: Path, expected: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Read a checkpoint's tensors and, where expected ones are given, check their names, shapes and kinds of numbers.

    Raises:
        CheckpointError: missing, damaged, or tensors that differ from the expected; names the first.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot be read ({error})", where=path) from None
    if expected is not None:
        for name in sorted(expected.keys() | tensors.keys()):
            want = tuple(expected[name].shape) if name in expected else "nothing"
            have = tuple(tensors[name].shape) if name in tensors else "missing"
            if want != have:
                raise CheckpointError(f"holds another network: {name} is {have}, expected {want}", where=path)
            kinds = [str(one[name].dtype).removeprefix("torch.") for one in (tensors, expected)]
            if tensors[name].is_floating_point() != expected[name].is_floating_point():
                raise CheckpointError(f"holds {name} in {kinds[0]}, expected {kinds[1]}", where=path)
    return tensors


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: t.detach().to("cpu", memory_format=torch.contiguous_format).contiguous()
        for name, t in tensors.items()
    }
