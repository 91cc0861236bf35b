"""Pictures that come one by one, classified several at a time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

_MORE = 0.004
"""Seconds that a picture waits for others."""


class Busy(Exception):
    """As many pictures wait as may."""


@dataclass
class Counts:
    """What has been done, for those who watch."""

    pictures: int = 0
    batches: int = 0
    seconds: float = 0.0
    """Of computing."""


@dataclass
class Batcher:
    """A thread that computes a function of whole batches.

    Every batch has the same size, filled up with a picture that is there already: what is said of a picture does not
    depend, to the last bit, on what else was asked.

    Args:
        function: uint8 (size, ...) to one row for each.
        size: Pictures at a time.
        waiting: Pictures that may wait.
    """

    function: Callable[[np.ndarray], np.ndarray]
    size: int = 8
    waiting: int = 64
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self._queue: queue.Queue[tuple[np.ndarray, Future[np.ndarray]] | None] = queue.Queue(self.waiting)
        self._thread = threading.Thread(target=self._run, name="alexnet-batches", daemon=True)
        self._thread.start()

    def submit(self, picture: np.ndarray) -> Future[np.ndarray]:
        """Return the row of a picture, to come.

        Raises:
            Busy: too many wait.
        """
        future: Future[np.ndarray] = Future()
        try:
            self._queue.put_nowait((picture, future))
        except queue.Full:
            raise Busy from None
        return future

    @property
    def length(self) -> int:
        """Pictures that wait."""
        return self._queue.qsize()

    def close(self) -> None:
        """Compute what waits, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            first = self._queue.get()
            if first is None:
                return
            taken, deadline = [first], time.monotonic() + _MORE
            while len(taken) < self.size:
                try:
                    item = self._queue.get(timeout=max(deadline - time.monotonic(), 0))
                except queue.Empty:
                    break
                if item is None:
                    ended = True
                    break
                taken.append(item)
            self._compute(taken)

    def _compute(self, taken: list[tuple[np.ndarray, Future[np.ndarray]]]) -> None:
        taken = [(picture, future) for picture, future in taken if future.set_running_or_notify_cancel()]
        if not taken:
            return
        begun = time.monotonic()
        pictures = [picture for picture, _ in taken]
        whole = np.stack(pictures + pictures[:1] * (self.size - len(pictures)))
        try:
            rows = self.function(whole)
        except BaseException as error:  # the asker is told; the thread goes on for others
            for _, future in taken:
                future.set_exception(error)
            return
        for row, (_, future) in zip(rows, taken, strict=False):
            future.set_result(row)
        self.counts.pictures += len(taken)
        self.counts.batches += 1
        self.counts.seconds += time.monotonic() - begun
