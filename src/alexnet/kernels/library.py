"""Finds the compiled kernels and runs them, on the threads that torch uses where it is loaded.

The library is plain C behind one signature (common.h), built with the package where a C compiler is at hand; it
knows neither torch nor Python. Without it every operation has a slower path; `available()` says which is in use.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import NamedTuple

_PIECES = 8
"""Cut for each thread, so that one which the system holds up leaves its work to the others."""


_ADDRESS, _BYTES = struct.Struct("=q"), 8
"""What a value takes: an address, an integer or a number (`Value` in common.h)."""


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


class Call:
    """A kernel with its values, to be run as often as wanted, by several threads at once if they want.

    Args:
        name: Symbol in one of the C files.
        count: Length of the outermost axis.
        values: What the kernel reads, in its order: integers and addresses as int, numbers as float; None for an
            address that comes with each run. The caller answers for the memory behind an address: its dtype, layout
            and size.
        parts: Threads to share the range, each with a number for its part of scratch memory.
    """

    def __init__(self, name: str, count: int, values: Sequence[int | float | None], *, parts: int = 1):
        library = _library()
        assert library is not None, "the caller checks available() first"
        self._kernel, self._team = getattr(library, name), library.alexnet_team
        kinds = "".join(["d" if isinstance(v, float) else "q" for v in values])
        self._values = struct.pack(f"={kinds}", *[v or 0 for v in values])
        self._open = [place for place, value in enumerate(values) if value is None]
        self._count, self._parts = count, max(1, min(parts, count))

    def run(self, *addresses: int) -> None:
        """Run it with these addresses in the places that were left open, in order."""
        values = ctypes.create_string_buffer(self._values, len(self._values))
        for place, address in zip(self._open, addresses, strict=True):
            _ADDRESS.pack_into(values, _BYTES * place, address)
        team = _openmp() if self._parts > 1 else None
        if team:
            pieces = min(self._parts * _PIECES, self._count)
            self._team(self._kernel, self._count, pieces, self._parts, values, *team)
        else:
            self._run_on_own_threads(values)

    def _run_on_own_threads(self, values: ctypes.Array) -> None:
        edges = [self._count * i // self._parts for i in range(self._parts + 1)]
        calls = [(start, stop, part, values) for part, (start, stop) in enumerate(pairwise(edges))]
        waiting = [_pool(self._parts - 1).submit(self._kernel, *call) for call in calls[1:]]
        self._kernel(*calls[0])
        for future in waiting:
            future.result()


def run(name: str, count: int, values: Sequence[int | float], *, parts: int = 1) -> None:
    """Run a kernel once, as a `Call` of these values does."""
    Call(name, count, values, parts=parts).run()


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
