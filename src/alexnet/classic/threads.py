"""Independent pieces of work, each computed by one thread from beginning to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch


def each_alone(function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Return `function(*call)` for each call, in order, by as many threads as torch has.

    Within a call, torch computes with one thread. Many small operations are so faster than with threads that meet after
    each, much so beside other programs, and their results do not depend on the number of threads.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # each thread of Python's has its own number of OpenMP's
        with ThreadPoolExecutor(threads, "alexnet-alone", torch.set_num_threads, (1,)) as pool:
            return list(pool.map(lambda call: function(*call), calls))
    finally:
        torch.set_num_threads(threads)
