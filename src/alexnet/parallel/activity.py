"""What this process does, as a thread of its own sees it: waits for the others, works, or nothing at all."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from alexnet.core import files, terminal

_THREADS = Path("/proc/self/task")
_PATIENT = {files.__name__, terminal.__name__}
_LEAST = 0.01
"""Share of a core below which a process does nothing: threads that only look now and then need less."""


@dataclass
class Waited:
    """What this process waited for the others."""

    seconds: float = 0.0
    """All in all."""
    times: int = 0
    """How often a wait began."""
    now: int = 0
    """Waits that have not ended."""

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time that the block takes."""
        start = time.perf_counter()
        self.times, self.now = self.times + 1, self.now + 1
        try:
            yield
        finally:
            self.now -= 1
            self.seconds += time.perf_counter() - start


class Activity:
    """Watches the main thread from another one, which calls `look` now and then.

    A process stands still while it waits neither for the others nor for a disk and nothing in it moves: all its threads
    together need less than a hundredth of a core, none is ready to run or in the system's uninterruptible sleep, as
    threads that read or flush a file are, and none that Python knows has read or written a byte. A main thread inside
    `core.files` or `core.terminal` never stands still: file systems of other programs, and a terminal that was stopped,
    let it sleep as a lock would. What is left is a lock that nobody releases, a pipe or a connection that nobody
    answers. A loop that never ends, and a GPU that never returns, for which its host thread turns in a loop, look like
    work.

    Args:
        threads: The system's table of this process's threads; where there is none, nothing ever stands still.
    """

    def __init__(self, waited: Waited, threads: Path = _THREADS):
        self.waited = waited
        self.waiting = self.apart = self.still = 0.0
        """Seconds since this process has begun to wait for the others; without waiting for them; of standing still."""
        self.place = ""
        self._threads = threads
        self._times, self._cpu, self._bytes = waited.times, _cpu_of_others(), self._transferred()

    def look(self, elapsed: float) -> None:
        """Take in what has happened in the seconds since the last look."""
        frame = sys._current_frames().get(threading.main_thread().ident)
        self.place = _place(frame)
        met, self._times = self.waited.times != self._times, self.waited.times
        worked = self._worked(elapsed) or _is_patient(frame)
        if self.waited.now:
            self.waiting = elapsed + (0.0 if met else self.waiting)
            self.apart = self.still = 0.0
        else:
            self.waiting = 0.0
            self.apart = elapsed + (0.0 if met else self.apart)
            self.still = 0.0 if met or worked else self.still + elapsed

    def _worked(self, elapsed: float) -> bool:
        cpu, moved = _cpu_of_others(), self._transferred()
        idle = cpu - self._cpu < _LEAST * elapsed and moved == self._bytes
        self._cpu, self._bytes = cpu, moved
        return not idle or not self._asleep()

    def _asleep(self) -> bool:
        """Say whether the system has put all threads but this one to a sleep that anything may end."""
        own = str(threading.get_native_id())
        states = [_state(thread / "stat") for thread in _entries(self._threads) if thread.name != own]
        return bool(states) and not set(states) & {"R", "D"}

    def _transferred(self) -> int:
        """Return the bytes that threads of Python have read and written; libraries' own talk while a run hangs."""
        own = threading.get_native_id()
        others = (t.native_id for t in threading.enumerate() if t.native_id not in (None, own))
        lines = [line for thread in others for line in _lines(self._threads / str(thread) / "io")]
        return sum(int(line.split()[1]) for line in lines if line.startswith(("rchar", "wchar")))


def _cpu_of_others() -> float:
    return time.process_time() - time.thread_time()


def _place(frame: FrameType | None) -> str:
    """Return the innermost function of this package, or of anything."""
    names = [_name(f) for f in _outwards(frame)]
    ours = [name.partition(".")[2] for name in names if name.startswith("alexnet.")]
    return next(iter(ours or names), "")


def _is_patient(frame: FrameType | None) -> bool:
    return any(f.f_globals.get("__name__") in _PATIENT for f in _outwards(frame))


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _name(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"


def _state(path: Path) -> str:
    return next((line.rpartition(")")[2].split()[0] for line in _lines(path)), "")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # the thread has ended, or the system keeps no such table
        return []


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
