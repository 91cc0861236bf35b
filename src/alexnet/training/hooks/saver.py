"""Saves the run: by time, by steps, by epochs, and when it is asked to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from alexnet.core.errors import StoppedError, StorageError
from alexnet.optim.schedule import Rates
from alexnet.training.config import CheckpointConfig
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult

_MISSES = 3

PASSED_ON = 1.0
"""Seconds within which a second Ctrl-C may be the first one, passed on by whatever started the processes."""


class StopRequest:
    """Turns SIGINT and SIGTERM into a wish that the loop looks at; a second SIGINT leaves at once (exit 130).

    Args:
        again_after: Seconds before a SIGINT counts as a second one.
    """

    def __init__(self, again_after: float = 0.0) -> None:
        self.again_after, self._first = again_after, 0.0
        self.signal: str | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.signal is None:
            self._first = now
        elif number == signal.SIGINT and now - self._first >= self.again_after:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number).name


class Saver:
    """Calls `save` when the recipe's cadence or a signal asks for it.

    A save that fails because of the disk is said and tried again at the next occasion; three in a row end the run.

    Args:
        save: Commits a checkpoint and returns its folder.
        config: The cadence.
        stop: The wish to stop.
        say: Shows one line to the person who watches.
        resume_command: What to type to go on.
        agree: Says whether any process of the run wishes something; every process has a saver, and asks at the same
            places. One process agrees with itself.
    """

    def __init__(
        self,
        save: Callable[[TrainState], Path],
        config: CheckpointConfig,
        stop: StopRequest,
        say: Callable[[str], None],
        resume_command: str,
        agree: Callable[[bool], bool] = bool,
    ):
        self.save, self.config, self.stop, self.say = save, config, stop, say
        self.resume_command, self.agree = resume_command, agree
        self._saved_at = time.monotonic()
        self._misses = 0
        self._decided: tuple[int, bool] = (-1, False)

    def due(self, updates: int) -> bool:
        """Say whether `after_step` will look at the weights after so many updates; what was said once holds."""
        every = self.config.every_steps
        minutes = (time.monotonic() - self._saved_at) / 60
        wish = self.stop.signal or minutes >= self.config.every_minutes or (every and updates % every == 0)
        due = self.agree(bool(wish))
        self._decided = updates, due
        return due

    def after_step(self, state: TrainState, result: StepResult, rates: Rates, times: StepTimes) -> None:
        """Save when it is time; leave when asked to."""
        asked, due = self._decided
        if due if asked == state.step else self.due(state.step):
            self.look(state)
            self._try(state)

    def after_epoch(self, state: TrainState, validations: Sequence[Validation], improved: bool) -> None:
        """Save at the recipe's epochs and whenever the best error fell."""
        if improved or state.epoch % self.config.every_epochs == 0:
            self._try(state)
        self.look(state)

    def look(self, state: TrainState) -> None:
        """Leave if a signal asked for it; called inside long validations too.

        Raises:
            StoppedError: after the state has been saved.
        """
        if self.agree(self.stop.signal is not None):
            path = self.save(state)
            self.agree(False)  # nobody leaves, and has the others ended with it, before the state is saved
            raise StoppedError(
                f"stopped by {self.stop.signal or 'another process'} at step {state.step}, saved as {path}",
                remedy=f"go on with: {self.resume_command}",
            )

    def _try(self, state: TrainState) -> None:
        try:
            self.save(state)
            self._misses = 0
        except StorageError as error:
            self._misses += 1
            if self._misses >= _MISSES:
                raise
            self.say(f"checkpoint not saved: {error}; training goes on, {_MISSES} failures in a row end it")
        self._saved_at = time.monotonic()
