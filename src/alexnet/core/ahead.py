"""Work done ahead of its use by a pool of threads, its results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any


def ahead(
    pool: Executor, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], count: int
) -> Iterator[Any]:
    """Yield `function(*call)` for each call, in order, up to `count` of them made ahead.

    Whoever leaves early closes the iterator: what no thread has begun is dropped. An error comes up where its result
    would have.
    """
    waiting: deque[Future[Any]] = deque()
    try:
        for call in calls:
            waiting.append(pool.submit(function, *call))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
