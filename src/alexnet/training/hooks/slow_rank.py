"""Names a process that holds the others up."""

from __future__ import annotations

import socket
import statistics
from collections.abc import Callable, Sequence

import torch

from alexnet.optim.schedule import Rates
from alexnet.parallel.ranks import Ranks
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult

_EVERY, _SLOWER, _NAME = 50, 1.5, 64


class SlowRank:
    """Compares now and then what each process needs for a step, without its waiting, and says once who needs more.

    All processes take steps in the same time, since each waits for the slowest; that one waits the least.

    Args:
        ranks: Each process has this hook at the same place.
        say: Shows one line to the person who watches.
        every: Steps between two comparisons.
    """

    def __init__(self, ranks: Ranks, say: Callable[[str], None], every: int = _EVERY):
        self.ranks, self.say, self.every = ranks, say, every
        self.named: set[int] = set()
        self._steps, self._seconds, self._waited = 0, 0.0, ranks.waited.seconds

    def after_step(self, state: TrainState, result: StepResult, rates: Rates, times: StepTimes) -> None:
        """Count the step; compare after every so many."""
        if self.ranks.world.is_alone:
            return
        waited = self.ranks.waited.seconds
        self._seconds += times.data + times.copy + times.compute - (waited - self._waited)
        self._steps += 1
        if self._steps == self.every:
            self._compare(state.step)
            self._steps, self._seconds = 0, 0.0
        self._waited = self.ranks.waited.seconds

    def after_epoch(self, state: TrainState, validations: Sequence[Validation], improved: bool) -> None:
        """Forget what was waited for outside of steps."""
        self._waited = self.ranks.waited.seconds

    def _compare(self, step: int) -> None:
        device = self.ranks.device
        own = torch.tensor([self._seconds / self._steps], device=device)
        seconds = self.ranks.gather(own).flatten().tolist()
        host = socket.gethostname().encode()[:_NAME].ljust(_NAME)
        hosts = self.ranks.gather(torch.frombuffer(bytearray(host), dtype=torch.uint8).to(device))
        for rank in slower(seconds):
            if rank not in self.named:
                self.named.add(rank)
                others = statistics.median(s for r, s in enumerate(seconds) if r != rank)
                name = bytes(hosts[rank].cpu().numpy()).decode(errors="replace").strip()
                self.say(
                    f"rank {rank} ({name}) holds the others up: {1000 * seconds[rank]:.3g} ms a step without "
                    f"waiting, the others {1000 * others:.3g} (at step {step})"
                )


def slower(seconds: Sequence[float]) -> list[int]:
    """Return whose seconds exceed the median of the others' by half."""
    return [
        rank
        for rank, own in enumerate(seconds)
        if own > _SLOWER * statistics.median(s for r, s in enumerate(seconds) if r != rank)
    ]
