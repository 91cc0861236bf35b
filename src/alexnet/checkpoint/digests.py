"""A line for each checkpoint that a recipe plans: what two runs have in common is what `diff` finds alike."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from alexnet.checkpoint.store import MODEL, VELOCITY, read_json
from alexnet.core.files import MANIFEST


class DigestLog:
    """Appends to a run's digests.jsonl: step, images seen, SHA-256 of weights, of velocities and of the chain so far.

    The digests are those of the checkpoint's files, so `sha256sum` finds them again. Each line's `chain` is over the
    line before and its own values: a run that differs once differs in every later line, and a line that was lost shows.

    Args:
        path: The file; made by the first line.
    """

    def __init__(self, path: Path):
        self.path = path
        self._size: int | None = None
        self._step, self._last = -1, ""

    def add(self, step: int, images_seen: int, checkpoint: Path) -> None:
        """Write the line of a step's checkpoint, once; lines of later steps, which an earlier part of the run lost, go.

        A line that cannot be written never ends a run: it is missing from the chain.

        Raises:
            CheckpointError: the checkpoint has no manifest.
        """
        if step == self._step:
            return
        files = read_json(checkpoint / MANIFEST)["files"]
        line: dict[str, Any] = {"step": step, "images_seen": images_seen}
        line |= {"weights": files[MODEL]["sha256"], "velocities": files[VELOCITY]["sha256"]}
        with contextlib.suppress(OSError):
            if self._size is None:
                self._size, self._last = _before(self.path, step)
            line["chain"] = chained(self._last, line)
            text = (json.dumps(line) + "\n").encode()
            with open(self.path, "ab") as stream:
                stream.truncate(self._size)
                stream.write(text)
            self._size, self._step, self._last = self._size + len(text), step, line["chain"]


def chained(before: str, line: dict[str, Any]) -> str:
    """Return the chain's value after a line: a digest of the value before and of the line without its own."""
    own = {name: value for name, value in line.items() if name != "chain"}
    return hashlib.sha256((before + json.dumps(own)).encode()).hexdigest()


def _before(path: Path, step: int) -> tuple[int, str]:
    """Return the length of the whole lines of earlier steps, and the last one's chain."""
    size, last = 0, ""
    for text in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        try:
            line = json.loads(text)
            if not text.endswith(b"\n") or line["step"] >= step:
                break
            size, last = size + len(text), line["chain"]
        except (ValueError, KeyError, TypeError):
            break
    return size, last
