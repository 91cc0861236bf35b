"""A contestant at work in several processes at once."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from alexnet.bench.contestant import Contestant, Dropped, Process
from alexnet.bench.task import Task


class Team:
    """As many processes as the task says, each with its share of the pictures; used like one `Process`."""

    def __init__(self, contestant: Contestant, task: Task, python: str | None, patience: float):
        self.peak_memory = 0
        self._members: list[Process] = []
        try:
            for share in range(task.processes):
                folder = Path(task.folder) / str(share)
                folder.mkdir()
                own = replace(task, share=share, folder=str(folder))
                self._members.append(Process(contestant, own, python, patience))
        except Dropped:
            self.close()
            raise

    def ready(self) -> dict[str, Any]:
        """Wait for all and return `configuration`, `images` of all together, and `versions`."""
        answers = [member.ready() for member in self._members]
        words = f"{len(answers)} processes: {answers[0]['configuration']}"
        return answers[0] | {"configuration": words, "images": sum(answer["images"] for answer in answers)}

    def run(self, iterations: int) -> float:
        """Let each do so many iterations of its share and return the seconds until the last was through."""
        start = time.perf_counter()
        for member in self._members:
            member.begin(iterations)
        for member in self._members:
            member.finish()
        return time.perf_counter() - start

    def check(self) -> dict[str, float]:
        """Return their evidence, the mean of each value.

        Raises:
            Dropped: what one of them did was no such work.
        """
        found = [member.check() for member in self._members]
        self.peak_memory = sum(member.peak_memory or 0 for member in self._members)
        return {name: statistics.fmean(values[name] for values in found) for name in found[0]}

    def close(self) -> None:
        """End all processes."""
        for member in self._members:
            member.close()
