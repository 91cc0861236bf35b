"""Notices a process that hangs: the network tells at once of one that has ended, and never of one that stands still.

Each process has a thread that writes a sign every few seconds. A process whose signs stop is given up by the others: it
is stopped, its host is gone, or a library holds the interpreter's lock. A process whose main thread alone hangs finds
that out itself, by `Activity`'s rule, and ends with its stacks on stderr; the others then lose it at once. A process
that works is never ended, however long the others wait for it: who holds them up, and where, is said after the same
time, and again whenever that has doubled.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import torch.distributed as dist

from alexnet.core.errors import printable
from alexnet.parallel.activity import Activity, Waited
from alexnet.parallel.world import World

BEAT = 3.0
"""Seconds between two signs of life."""
SILENCE = 45.0
"""Seconds without one, or of standing still, after which a process is given up: with beats and waits, less than a
minute."""

_LONGEST_BEAT = 4
_SLOW_STORE = timedelta(seconds=BEAT * (_LONGEST_BEAT - 1))


class Silences:
    """How long each process has been silent, by the listener's own waking time.

    A listener that was itself stopped for an hour has not listened for an hour: a beat counts for a few at most.

    Args:
        size: Number of processes.
        beat: Seconds between two beats.
    """

    def __init__(self, size: int, beat: float = BEAT):
        self.seconds, self._beat = [0.0] * size, beat
        self._heard: list[bytes | None] = [None] * size

    def hear(self, signs: Sequence[bytes] | None, elapsed: float) -> None:
        """Take in everybody's latest sign, or None where nothing could be heard."""
        elapsed = min(elapsed, _LONGEST_BEAT * self._beat)
        for rank in range(len(self.seconds)):
            if signs is not None and signs[rank] != self._heard[rank]:
                self._heard[rank], self.seconds[rank] = signs[rank], 0.0
            else:
                self.seconds[rank] += elapsed


class Holdups:
    """Who has held the others up for how long, to be said now.

    Args:
        limit: Seconds after which a process is named; from then on whenever they have doubled.
    """

    def __init__(self, limit: float):
        self.limit = limit
        self._next: dict[int, float] = {}

    def due(self, rank: int, signs: Sequence[bytes]) -> list[tuple[int, int, str]]:
        """Return (rank, seconds, place) of those to be named by this rank: the first of those that wait names all."""
        read = [_read(sign) for sign in signs]
        waiting = [r for r, (waits, _, _) in enumerate(read) if waits >= self.limit]
        found = []
        for other, (_, apart, place) in enumerate(read):
            if apart < self.limit:
                self._next[other] = self.limit
            elif waiting[:1] == [rank] and apart >= self._next.get(other, self.limit):
                self._next[other] = 2 * apart
                found.append((other, apart, place))
        return found


def say(line: str) -> None:
    """Write a line to stderr, without waiting for a terminal that somebody has stopped."""
    threading.Thread(target=_write, args=(line,), daemon=True).start()


def leave(reason: str) -> None:
    """Say why and end this process: the one thing that works while the main thread waits inside a library."""
    _write(reason)
    os._exit(1)


def _write(line: str) -> None:
    sys.stderr.write(f"alexnet: {printable(line)}\n")
    sys.stderr.flush()


class Pulse:
    """A thread that shows that this process lives and listens to the others, while used as a context manager.

    Args:
        store: Of this start alone, with its own connection.
        waited: Says when this process waits for the others.
        lost: Told which process was given up, from the thread.
        say: Shows one line to the person who watches, from the thread.
        silence: Seconds without a sign, or of standing still, after which a process is given up.
        beat: Seconds between two signs.
    """

    def __init__(
        self,
        world: World,
        store: dist.Store,
        waited: Waited,
        *,
        lost: Callable[[str], None] = leave,
        say: Callable[[str], None] = say,
        silence: float = SILENCE,
        beat: float = BEAT,
    ):
        self.world, self.store, self.lost, self.say = world, store, lost, say
        self.silence, self.beat = silence, beat
        self._activity, self._holdups = Activity(waited), Holdups(silence)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alexnet-pulse", daemon=True)
        self._parent = os.getppid()

    def __enter__(self) -> Pulse:
        self._show(0)
        self.store.set(f"name/{self.world.rank}", f"{socket.gethostname()}, process {os.getpid()}")
        self._names = [self.store.get(f"name/{rank}").decode() for rank in range(self.world.size)]
        self.store.set_timeout(_SLOW_STORE)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _run(self) -> None:
        silences, last, count = Silences(self.world.size, self.beat), time.monotonic(), 0
        while not self._ended.wait(self.beat):
            count += 1
            self._activity.look(min(time.monotonic() - last, _LONGEST_BEAT * self.beat))
            signs = self._exchange(count)
            now = time.monotonic()
            silences.hear(signs, now - last)
            last = now
            if self._ended.is_set():
                return
            if reason := self._hung() or self._reason(silences):
                return self.lost(reason)
            for rank, seconds, place in self._holdups.due(self.world.rank, signs or ()):
                self.say(
                    f"rank {rank} ({self._names[rank]}) has been in {place} for {seconds} s; others wait for it"
                )

    def _show(self, count: int) -> None:
        seen = self._activity
        sign = f"{count} {seen.waiting:.0f} {seen.apart:.0f} {seen.place}"
        self.store.set(f"sign/{self.world.rank}", sign)

    def _exchange(self, count: int) -> list[bytes] | None:
        try:
            self._show(count)
            return self.store.multi_get([f"sign/{rank}" for rank in range(self.world.size)])
        except RuntimeError:
            return None

    def _hung(self) -> str | None:
        if self._activity.still < self.silence:
            return None
        faulthandler.dump_traceback(sys.stderr)
        rank = self.world.rank
        return f"rank {rank} ({self._names[rank]}) hangs: {self.silence:.0f} s without work in {self._activity.place}"

    def _reason(self, silences: Silences) -> str | None:
        if "TORCHELASTIC_RUN_ID" in os.environ and os.getppid() != self._parent:
            return "torchrun has ended without its processes: this one follows"
        silent = [rank for rank, seconds in enumerate(silences.seconds) if seconds >= self.silence]
        if self.world.rank in silent:
            return f"torchrun's store has not answered for {self.silence:.0f} s: its host has ended or hangs"
        if silent:
            return "; ".join(
                f"rank {rank} ({self._names[rank]}) has not answered for {self.silence:.0f} s"
                for rank in silent
            )
        return None


def _read(sign: bytes) -> tuple[int, int, str]:
    """Return the seconds of waiting, those without it, and the place."""
    _, waiting, apart, place = sign.decode().split(" ", 3)
    return int(waiting), int(apart), place
