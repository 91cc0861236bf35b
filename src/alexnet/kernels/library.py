"""Finds the compiled kernels and runs them, on the threads that torch uses where it is loaded.

The library is plain C behind one signature (common.h), built with the package where a C compiler is at hand; it
knows neither torch nor Python. Without it every operation has a slower path; `available()` says which is in use.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import NamedTuple

_PIECES = 8
"""Cut for each thread, so that one which the system holds up leaves its work to the others."""


class _Value(ctypes.Union):
    _fields_ = (("p", ctypes.c_void_p), ("i", ctypes.c_int64), ("r", ctypes.c_double))


class _Team(NamedTuple):
    """Entry points of the OpenMP runtime in this process."""

    parallel: ctypes._SimpleCData
    number: ctypes._SimpleCData


def available() -> bool:
    """Say whether the compiled kernels can be used (`ALEXNET_NATIVE=0` switches them off)."""
    return _library() is not None


def target() -> str | None:
    """Return the instruction set that the kernels use here, or None where there are none."""
    library = _library()
    return None if library is None else library.alexnet_target().decode()


def run(name: str, count: int, values: list[int | float], *, parts: int = 1) -> None:
    """Run a kernel over range(count) of its outermost axis.

    Args:
        name: Symbol in one of the C files.
        count: Length of the outermost axis.
        values: What the kernel reads, in its order: integers and addresses as int, numbers as float. The caller
            answers for the memory behind an address: its dtype, layout and size.
        parts: Threads to share the range, each with a number for its part of scratch memory.
    """
    library = _library()
    assert library is not None, "the caller checks available() first"
    kernel = getattr(library, name)
    array = (_Value * len(values))(*[_Value(r=v) if isinstance(v, float) else _Value(i=v) for v in values])
    parts = max(1, min(parts, count))
    team = _openmp() if parts > 1 else None
    if team:
        library.alexnet_team(kernel, count, min(parts * _PIECES, count), parts, array, *team)
        return
    edges = [count * i // parts for i in range(parts + 1)]
    calls = [(start, stop, part, array) for part, (start, stop) in enumerate(pairwise(edges))]
    waiting = [_pool(parts - 1).submit(kernel, *call) for call in calls[1:]]
    kernel(*calls[0])
    for future in waiting:
        future.result()


@cache
def _library() -> ctypes.CDLL | None:
    if os.environ.get("ALEXNET_NATIVE") == "0":
        return None
    spec = importlib.util.find_spec("alexnet.kernels._library")
    if spec is None or spec.origin is None:
        return None
    library = ctypes.CDLL(spec.origin)
    library.alexnet_team.argtypes = [ctypes.c_void_p, *[ctypes.c_int64] * 3, *[ctypes.c_void_p] * 3]
    library.alexnet_team.restype = None
    library.alexnet_target.restype = ctypes.c_char_p
    return library


@cache
def _openmp() -> _Team | None:
    """Return GNU's OpenMP if the process has loaded it, as torch does on Linux."""
    try:
        openmp = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOW | os.RTLD_NOLOAD)
    except (OSError, AttributeError):
        return None
    return _Team(openmp.GOMP_parallel, openmp.omp_get_thread_num)


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="alexnet-kernel")
