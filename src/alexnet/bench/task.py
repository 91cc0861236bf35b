"""What a contestant is asked to do, and what it gives back.

Imports nothing but Python, as does `worker.py`: a peer may run under an interpreter that has no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


class Absent(Exception):
    """Says in one line why a contestant cannot take part on this machine."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One entry's work, the same for all its contestants."""

    work: str
    """`train`, `feed`, `infer`, `view` or `pack`."""
    net: str = "alexnet"
    """`alexnet`, `alexnet_owt` or `cifar10_19pct`."""
    bfloat16: bool = False
    """Whether layers may compute in bfloat16; weights and updates of a training stay float32."""
    batch: int = 128
    """Images per iteration."""
    device: str = "cpu"
    """`cpu`, `cuda` or `mps`."""
    folder: str = "."
    """Where this contestant may write; removed in the end."""
    pictures: int = 0
    """Of the training set, for `feed`."""
    resident: bool = False
    """For `feed`: whether they lie in the device's memory; otherwise they are streamed."""
    photographs: str = ""
    """Folder of JPEG files, for `pack`."""
    processes: int = 1
    """Among which the photographs are shared out, for `pack`."""
    share: int = 0
    """Which of these processes this one is, from 0."""


@dataclass(frozen=True)
class Work:
    """What a contestant has made ready."""

    run: Callable[[int], None]
    """Do this many iterations and return when they are done, on the device too."""
    images: int
    """Images per iteration."""
    configuration: str
    """How it does the work, in a few words."""
    check: Callable[[], Mapping[str, float]] = dict
    """Evidence that the work was done, such as the last loss. A value that is not finite, or a
    `smallest_gradient` of 0, disqualifies."""
