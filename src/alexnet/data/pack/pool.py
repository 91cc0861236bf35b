"""Shards made by several processes, which end with their parent whatever ends it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event

from alexnet.core.errors import StorageError
from alexnet.data.pack.shard_maker import ShardMaker, Stopped

MAX_PROCESSES = 61
"""What Windows can wait for."""

_make: Callable[[str, int], None]


def make_shards(maker: ShardMaker, todo: list[tuple[str, int]], workers: int) -> Iterator[tuple[str, int]]:
    """Make the shards `todo` and yield each (split, number) when it is committed, in any order.

    One worker means this process. Leaving the iteration early, by an error or an interrupt, ends the others
    within one picture; finished shards stay.

    Raises:
        AlexNetError: what stopped a shard.
        StorageError: a process was killed.
    """
    workers = min(workers, len(todo), MAX_PROCESSES)
    if workers > 1:
        yield from _in_processes(maker, todo, workers)
        return
    for split, number in todo:
        maker.make(split, number, lambda: False)
        yield split, number


def _in_processes(maker: ShardMaker, todo: list[tuple[str, int]], workers: int) -> Iterator[tuple[str, int]]:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, _start, (maker, stop))
    try:
        with _interrupts_blocked():
            futures = {pool.submit(_make_one, *shard): shard for shard in todo}
        for future in as_completed(futures):
            future.result()
            yield futures.pop(future)
    except BrokenProcessPool:
        raise StorageError(
            "a packing process was killed, perhaps by the system for want of memory",
            where=maker.folder,
            remedy="run the same command again, with fewer workers if it happens again; finished shards are kept",
        ) from None
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _start(maker: ShardMaker, stop: Event) -> None:
    """Set up a packing process: deaf to Ctrl-C, which its parent hears, and gone when its parent is gone."""
    global _make
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    _make = lambda split, number: maker.make(split, number, stop.is_set)  # noqa: E731 - bound once a process


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _make_one(split: str, number: int) -> None:
    with contextlib.suppress(Stopped):
        _make(split, number)


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start processes that never see Ctrl-C, not even before they can ignore it: they inherit the mask."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
