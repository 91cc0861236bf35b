"""Chooses the device of a run and sets what the computation needs there."""

from __future__ import annotations

import os

import torch

from alexnet.core.errors import UsageError
from alexnet.parallel.world import ALONE, World

CHOICES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str = "auto", threads: int = 0, world: World = ALONE) -> torch.device:
    """Return the device and set torch's threads.

    Args:
        name: `auto` takes a CUDA GPU, then Apple's, then the CPU; or a torch device such as `cuda:1`.
        threads: Cores for the computation; 0: what `OMP_NUM_THREADS` says, or all this process may use.
        world: Which of the processes on this machine this is: each takes the GPU of its number.

    Raises:
        UsageError: the device does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cuda" and not world.is_alone:
        name = f"cuda:{world.local_rank}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UsageError(f"device {name!r} cannot be used here", remedy="try --device cpu") from None
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.set_num_threads(threads or usable_cores())
    return device


def usable_cores() -> int:
    """Return the number of cores this process may use: `OMP_NUM_THREADS` where it is set, as torch reads it."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
