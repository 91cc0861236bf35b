"""Independent pieces of work, each computed by one thread from beginning to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

Share = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], list[Any]]
"""Returns `function(*call)` for each call, in order."""


@contextmanager
def computing_alone() -> Iterator[Share]:
    """Yield what shares calls out among as many threads as torch has; within each, torch computes with one thread.

    So does the caller until it leaves. Many small operations are faster so than with threads that meet after each,
    much so beside other programs, and their results do not depend on the number of threads.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # each thread of Python's has its own number of OpenMP's
        with ThreadPoolExecutor(threads, "alexnet-alone", torch.set_num_threads, (1,)) as pool:
            yield lambda function, calls: list(pool.map(lambda call: function(*call), calls))
    finally:
        torch.set_num_threads(threads)


def each_alone(function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Return `function(*call)` for each call, in order, each computed by one thread (`computing_alone`)."""
    with computing_alone() as share:
        return share(function, calls)
