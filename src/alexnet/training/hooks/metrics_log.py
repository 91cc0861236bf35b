"""Lines of metrics: metrics.jsonl always, TensorBoard where it is installed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alexnet.core.files import storage_error
from alexnet.optim.schedule import Rates
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.state import TrainState, Window
from alexnet.training.step import StepResult


class MetricsLog:
    """Appends to a run's metrics.jsonl and cuts it back to where a resumed run stands.

    A line that cannot be written never ends a run: it is counted and said once. The file always ends with a
    whole line, at `state.metrics_bytes`.

    Args:
        path: The file.
        state: Where the run stands; later lines are removed.
        log_every: Steps between two lines.
        lr: Learning rate of the weights at the start.
        say: Shows one line to the person who watches.
    """

    def __init__(self, path: Path, state: TrainState, log_every: int, lr: float, say: Callable[[str], None]):
        self.path, self.log_every, self.lr, self.say = path, log_every, lr, say
        self.lost = 0
        self._seconds = self._images = 0.0
        try:
            self._stream = open(path, "ab", buffering=0)  # noqa: SIM115 - open for the length of the run
            # A power cut can leave fewer lines than the checkpoint knows of.
            state.metrics_bytes = path.read_bytes()[: state.metrics_bytes].rfind(b"\n") + 1
            self._stream.truncate(state.metrics_bytes)
            self._board = _tensorboard(path.parent / "tensorboard", state.step)
        except OSError as error:
            raise storage_error(error, path) from None

    def after_step(self, state: TrainState, result: StepResult, rates: Rates, times: StepTimes) -> None:
        """Write a line every `log_every` steps."""
        self._seconds += times.data + times.copy + times.compute
        self._images += result.count
        if state.step % self.log_every == 0:
            self._train_line(state, rates.scale)

    def after_epoch(self, state: TrainState, validations: Sequence[Validation], improved: bool) -> None:
        """Write what is left of the epoch and its validations."""
        if state.window.count:
            self._train_line(state, None)
        for validation in validations:
            line = {
                "kind": "validation",
                "step": state.step,
                "epoch": float(state.epoch),
                "split": validation.split,
                "loss": validation.loss,
                "top1_error": validation.top1_error,
                "top5_error": validation.top5_error,
                "count": validation.count,
                "best": improved and validation.selects,
            }
            self._write(line, state)

    def close(self) -> None:
        """Flush everything."""
        if self.lost:
            self.say(f"{self.lost} lines of metrics could not be written to {self.path}")
        try:
            self._stream.close()
        except OSError as error:
            self.say(f"metrics: {storage_error(error, self.path)}; the last lines may be lost")
        if self._board:
            with contextlib.suppress(OSError):
                self._board.close()

    def _train_line(self, state: TrainState, scale: float | None) -> None:
        line: dict[str, Any] = {"kind": "train", "step": state.step, "epoch": round(state.position, 6)}
        line |= {"images_seen": state.images_seen, **state.window.means()}
        if scale is not None:
            line["lr"] = self.lr * scale
        line["images_per_second"] = round(self._images / max(self._seconds, 1e-9), 2)
        self._write(line, state)
        state.window = Window()
        self._seconds = self._images = 0.0

    def _write(self, line: dict[str, Any], state: TrainState) -> None:
        text = (json.dumps(line) + "\n").encode()
        try:
            if self._stream.write(text) < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            state.metrics_bytes += len(text)
        except OSError as error:
            if not self.lost:
                self.say(f"metrics: {storage_error(error, self.path)}; training goes on without them")
            self.lost += 1
            with contextlib.suppress(OSError):
                self._stream.truncate(state.metrics_bytes)
        if self._board:
            self._plot(line)

    def _plot(self, line: dict[str, Any]) -> None:
        tag = "train" if line["kind"] == "train" else line["split"]
        try:
            for name in ("loss", "top1_error", "top5_error", "lr", "images_per_second"):
                if name in line:
                    self._board.add_scalar(f"{tag}/{name}", line[name], line["step"])
        except OSError as error:
            self.say(f"tensorboard: {storage_error(error, self.path.parent)}; training goes on without it")
            self._board = None


def tensorboard_installed() -> bool:
    """Say whether TensorBoard's event writer can be used."""
    import importlib.util

    return importlib.util.find_spec("tensorboard") is not None


def _tensorboard(folder: Path, step: int) -> Any:
    if not tensorboard_installed():
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step or None)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a metrics.jsonl; one that is damaged or was cut off is left out."""
    lines = []
    if path.is_file():
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                line = json.loads(text)
                if isinstance(line, dict):
                    lines.append(line)
    return lines
