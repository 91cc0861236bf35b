"""What a person watches: progress on stderr, tables on stdout, times and shares in words.

On a terminal, progress is one live line; elsewhere (a log file, a batch system) it is a plain line now and
then. What a machine reads goes to stdout and never passes through here. `NO_COLOR` is respected. rich is
imported only where something is drawn on a terminal.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
import sys
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from alexnet.core.errors import printable
from alexnet.core.words import duration, percent, short

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

__all__ = ["Progress", "duration", "percent", "table"]

_LIVE_PERIOD = 0.2
_RATE_WINDOW = 30.0
_TOP = re.compile(r"top(\d+)(_error)?")
_NUMBER = re.compile(r"[-+]?\d[\d,.]*(e[-+]\d+)?( (%|[A-Za-z/]{1,9})( \d+ [a-z]{1,3})?)?")


class Progress:
    """How far a piece of work is, how fast it goes and how long it will take, as a context manager.

    `with Progress("training", total=steps, unit="images") as progress: progress.advance(128, loss=2.31)`.
    A terminal that goes away does not stop the work. One progress may run inside another.

    Args:
        label: What is being done.
        total: Units when finished; unknown when None.
        unit: What is counted, in the plural.
        done: Units that were finished before, by an earlier run.
        every: Least seconds between two plain lines.
        clock: Source of seconds.
    """

    def __init__(
        self,
        label: str,
        *,
        total: int | None = None,
        unit: str = "steps",
        done: int = 0,
        every: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.label, self.total, self.unit, self.done = printable(label), total, unit, done
        self._every, self._clock = every, clock
        self._fields: dict[str, object] = {}
        self._begin = (clock(), done)
        self._marks = deque([self._begin])
        self._shown = self._begin[0]
        self._ending = ""
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        stream = _stream("stderr")
        if stream is not None and _is_terminal(stream):
            from rich.live import Live

            self._live = Live(
                get_renderable=self._drawn,
                console=_console(stream),
                auto_refresh=False,
                redirect_stdout=_is_terminal(_stream("stdout")),
            )
            with contextlib.suppress(OSError):
                self._live.start(refresh=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        now = self._clock()
        self._marks = deque([self._begin, (now, self.done)])
        self._ending = f"{'stopped after' if kind else 'in'} {duration(now - self._begin[0])}"
        with contextlib.suppress(OSError):
            if self._live is None:
                self._write_plain()
            else:
                self._live.stop()

    def advance(self, count: int = 1, **fields: float | str) -> None:
        """Count `count` more units as done and show the latest values of `fields`.

        Numbers are shown with three digits, `top1_error=0.712` as "top-1 71.2 %", text as it is.
        """
        self.done += count
        self._fields.update(fields)
        now = self._clock()
        if now - self._shown < (self._every if self._live is None else _LIVE_PERIOD):
            return
        self._shown = now
        self._marks.append((now, self.done))
        while len(self._marks) > 2 and self._marks[1][0] <= now - _RATE_WINDOW:
            self._marks.popleft()
        with contextlib.suppress(OSError):
            if self._live is None:
                self._write_plain()
            else:
                self._live.refresh()

    def say(self, line: str) -> None:
        """Print one line to stderr, above the live line where there is one."""
        with contextlib.suppress(OSError):
            if self._live is None:
                _write(printable(line), _stream("stderr"))
            else:
                self._live.console.print(printable(line), markup=False, highlight=False, emoji=False)

    @property
    def rate(self) -> float:
        """Units a second over the latest half minute, in the end over the whole; 0 while unknown."""
        (then, before), (now, after) = self._marks[0], self._marks[-1]
        return (after - before) / (now - then) if now > then else 0.0

    def _status(self) -> str:
        parts = [f"{self.done:,} {self.unit}"]
        if self.total:
            whole = math.floor(100 * min(self.done / self.total, 1.0))
            parts = [f"{whole:2} %", f"{self.done:,}/{self.total:,} {self.unit}"]
        rate = self.rate
        if self._ending:
            parts.append(self._ending)
        elif self.total and rate:
            parts.append(f"{duration(max(self.total - self.done, 0) / rate)} left")
        if rate:
            parts.append(f"{short(rate)} {self.unit}/s")
        return "  ".join(parts)

    def _values(self) -> str:
        return "  ".join(_field(name, value) for name, value in self._fields.items())

    def _write_plain(self) -> None:
        _write("  ".join(filter(None, (self.label, self._status(), self._values()))), _stream("stderr"))

    def _drawn(self) -> RenderableType:
        """Return the live lines: name, bar and status, with the latest values under them."""
        from rich.progress_bar import ProgressBar
        from rich.table import Column, Table
        from rich.text import Text

        name, status = Column(no_wrap=True), Column(no_wrap=True, overflow="ellipsis")
        lines = Table.grid(name, Column(max_width=20), status, padding=(0, 1))
        bar = ProgressBar(self.total, self.done, pulse=self.total is None and not self._ending)
        lines.add_row(Text(self.label, style="bold"), bar, Text(self._status()))
        if self._fields:
            from rich.console import Group

            return Group(lines, Text(f"  {self._values()}", style="dim", no_wrap=True, overflow="ellipsis"))
        return lines


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headers to stdout; columns of numbers stand at the right.

    A terminal gets a styled table, anything else plain aligned text without color.
    """
    texts = [[printable(str(cell)) for cell in row] for row in rows]
    columns = list(zip(*texts, strict=True)) or [()] * len(headers)
    right = [bool(column) and all(_NUMBER.fullmatch(cell) for cell in column) for column in columns]
    stream = _stream("stdout")
    if stream is not None and _is_terminal(stream):
        _styled_table(headers, texts, right, _console(stream))
        return
    widths = [max(map(_width, (name, *column))) for name, column in zip(headers, columns, strict=True)]
    for row in (headers, ["-" * width for width in widths], *texts):
        _write("  ".join(map(_padded, row, widths, right)).rstrip(), stream)


def _field(name: str, value: object) -> str:
    top = _TOP.fullmatch(name)
    name = f"top-{top[1]}" if top else name.replace("_", " ")
    if isinstance(value, str):
        return f"{name} {printable(value)}"
    number = float(value)  # type: ignore[arg-type]
    return f"{name} {percent(number) if top else short(number)}"


def _stream(name: str) -> TextIO | None:
    """Return sys.stdout or sys.stderr itself, also while a live line has wrapped it; None where it is closed."""
    stream: TextIO | None = getattr(sys, name)
    return getattr(stream, "rich_proxied_file", stream)


def _is_terminal(stream: TextIO | None) -> bool:
    """Say whether a stream is a terminal that understands control codes and Unicode."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    return "utf" in (stream.encoding or "").lower()


@functools.lru_cache(maxsize=2)
def _console(stream: TextIO) -> Console:
    """Return the one console of a terminal, so that a progress inside another shares its screen lines."""
    from rich.console import Console

    return Console(file=stream, force_terminal=True, force_interactive=True)


def _write(line: str, stream: TextIO | None) -> None:
    if stream is not None:
        encoding = stream.encoding or "utf-8"
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()


def _styled_table(headers: Sequence[str], rows: list[list[str]], right: list[bool], console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, numbers in zip(headers, right, strict=True):
        drawn.add_column(Text(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    console.print(drawn)


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
