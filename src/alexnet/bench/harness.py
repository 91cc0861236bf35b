"""Runs the contestants of a benchmark in turns: A B C A B C ..., one at a time, each in its own process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from alexnet.bench.contestant import Contestant, Dropped, Process
from alexnet.bench.machine import available_memory
from alexnet.bench.result import Result, Standing
from alexnet.bench.task import Task
from alexnet.bench.team import Team
from alexnet.core.files import human_bytes
from alexnet.core.terminal import Progress

_MAX_ITERATIONS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How long and by whom."""

    rounds: int = 5
    seconds: float = 3.0
    """Of one turn, about; at least one iteration."""
    pause: float = 0.2
    """Seconds between two turns, in which the threads of the last one fall asleep."""
    patience: float = 1800.0
    """Seconds after which a contestant that does not answer is given up."""
    pythons: Mapping[str, str] = field(default_factory=dict)
    """Interpreters of single contestants; by default this one."""


@dataclass
class _Racer:
    """A contestant that is still in the race."""

    process: Process | Team
    standing: Standing
    iterations: int = 1

    def warm_up(self, seconds: float) -> None:
        """Do the work often enough to know how many iterations fill a turn."""
        self.process.run(1)
        once = self.process.run(1)
        count = _filling(min(seconds, 1.0), once)
        self.iterations = _filling(seconds, self.process.run(count) / count)
        self.look()

    def turn(self) -> None:
        """Do one turn and note its rate."""
        seconds = self.process.run(self.iterations)
        self.standing.rates.append(self.iterations * self.standing.images / max(seconds, 1e-9))

    def look(self) -> None:
        """Ask for the evidence."""
        self.standing.evidence = self.process.check()
        self.standing.peak_memory_bytes = self.process.peak_memory


def race(
    name: str,
    task: Task,
    contestants: Sequence[Contestant],
    *,
    folder: Path,
    settings: Settings,
    bar: Progress,
) -> Result:
    """Measure one benchmark.

    Args:
        contestants: Ours first; the order of the turns.
        folder: Where contestants may write.
        bar: Advances by one for each warm-up and each turn.

    Returns:
        The result, with every contestant in it: who is absent or failed, and why.
    """
    standings = [Standing(c.name, c.memory) for c in contestants]
    racers: list[_Racer] = []
    with ExitStack() as stack:
        for contestant, standing in zip(contestants, standings, strict=True):
            bar.advance(0, now=f"{standing.name} starts")
            own_task = _own(task, folder / name / contestant.name)
            try:
                racers.append(_start(contestant, standing, racers, own_task, settings, stack))
            except Dropped as reason:
                _drop(standing, reason, bar)
            bar.advance(1)
        for _ in range(settings.rounds):
            for racer in racers:
                _attempt(racer, _Racer.turn, bar)
                time.sleep(settings.pause)
                bar.advance(1, now=racer.standing.name)
        for racer in racers:
            _attempt(racer, _Racer.look, bar)
    return Result(name, task.device, standings[0], standings[1:])


def _start(
    contestant: Contestant,
    standing: Standing,
    others: Sequence[_Racer],
    task: Task,
    settings: Settings,
    stack: ExitStack,
) -> _Racer:
    """Start a contestant's process and warm it up; `stack` closes it."""
    largest = max((racer.standing.peak_memory_bytes or 0 for racer in others), default=0)
    free = available_memory()
    if free is not None and free < largest:
        raise Dropped(
            f"not started: {human_bytes(free)} of memory are free, another took {human_bytes(largest)}"
            " (choose fewer with --peers)"
        )
    python = settings.pythons.get(contestant.name)
    process = (Process if task.processes == 1 else Team)(contestant, task, python, settings.patience)
    stack.callback(process.close)
    ready = process.ready()
    standing.configuration, standing.images = ready["configuration"], ready["images"]
    standing.versions = ready["versions"]
    racer = _Racer(process, standing)
    racer.warm_up(settings.seconds)
    return racer


def _attempt(racer: _Racer, action: Callable[[_Racer], None], bar: Progress) -> None:
    """Let a racer act, unless it was dropped before or is dropped now."""
    if racer.standing.failed is None:
        try:
            action(racer)
        except Dropped as reason:
            _drop(racer.standing, reason, bar)


def _drop(standing: Standing, reason: Dropped, bar: Progress) -> None:
    if reason.absent:
        standing.absent = reason.reason
    else:
        standing.failed = reason.reason
    bar.say(f"{standing.name} {'is absent' if reason.absent else 'failed'}: {reason.reason}")


def _own(task: Task, folder: Path) -> Task:
    folder.mkdir(parents=True)
    return replace(task, folder=str(folder))


def _filling(seconds: float, once: float) -> int:
    """Return how many iterations of `once` seconds fill a turn."""
    return max(1, min(round(seconds / max(once, 1e-9)), _MAX_ITERATIONS))
