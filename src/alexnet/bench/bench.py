"""One benchmark from its entry to its result, and results with the machine they were found on."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from alexnet.bench.contestant import Contestant
from alexnet.bench.entries import Entry
from alexnet.bench.harness import Settings, race
from alexnet.bench.machine import changed_checkout, describe_machine, usable_cores
from alexnet.bench.photographs import find_photographs
from alexnet.bench.result import Result
from alexnet.core.terminal import Progress
from alexnet.runs import environment


def bench(
    entry: Entry,
    contestants: Sequence[Contestant],
    settings: Settings,
    device: str,
    data: Path | None = None,
    pictures: int | None = None,
) -> Result:
    """Measure one benchmark, with progress.

    Args:
        device: `cpu`, `cuda` or `mps`.
        data: Folder of photographs, for `pack`.
        pictures: Size of the training set, for `feed`; by default ImageNet's.

    Raises:
        DataError: there are no photographs in `data`, or too few.
    """
    turns = len(contestants) * (settings.rounds + 1)
    with (
        tempfile.TemporaryDirectory(prefix="alexnet-bench-", ignore_cleanup_errors=True) as folder,
        Progress(entry.name, total=turns, unit="turns") as bar,
    ):
        task = replace(entry.task, device=device if entry.uses_device else "cpu")
        if pictures is not None:
            task = replace(task, pictures=pictures)
        if task.work == "pack":
            processes = usable_cores() if entry.all_cores else 1
            found = find_photographs(data, Path(folder) / "photographs", processes=processes)
            task = replace(task, photographs=str(found.resolve()), processes=processes)
        return race(entry.name, task, contestants, folder=Path(folder) / "work", settings=settings, bar=bar)


class Report:
    """Results with what they were found on: machine, versions, commit, time, load at the start."""

    def __init__(self, device: torch.device, settings: Settings):
        self._head: dict[str, Any] = {
            "format": 1,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "machine": describe_machine(),
            "environment": environment.describe(device) | {"changed_since_commit": changed_checkout()},
            "rounds": settings.rounds,
            "seconds_per_round": settings.seconds,
        }
        self._results: list[Result] = []

    def add(self, result: Result) -> None:
        """Add what a benchmark found."""
        self._results.append(result)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return self._head | {"results": [result.to_json() for result in self._results]}
