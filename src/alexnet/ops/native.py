"""The compiled kernels over tensors: what they take, and a call on as many threads as torch uses."""

from __future__ import annotations

import threading

import torch

from alexnet.kernels import library
from alexnet.ops.operator import unwatched

SUFFIX = {torch.float32: "f32", torch.bfloat16: "bf16"}
"""Endings of the symbols that exist for more than one dtype."""


class _Seen:
    """What the last call outside of the compiler found: a plain value, which the compiler can read."""

    available = library.available()


def available() -> bool:
    """Say whether the compiled kernels can be used."""
    if not torch.compiler.is_compiling():
        _Seen.available = library.available()
    return _Seen.available


def takes(x: torch.Tensor) -> bool:
    """Say whether the kernels over maps can read a tensor: on the CPU, channels-last, float32 or bfloat16."""
    return (
        x.device.type == "cpu"
        and x.dtype in SUFFIX
        and x.is_contiguous(memory_format=torch.channels_last)
        and available()
    )


def unobserved(x: torch.Tensor) -> bool:
    """Say whether nothing follows what is done to x: no gradients, compiler, tracer or dispatch mode.

    Then a kernel can be called as it is. An operator of `torch.library` takes 30 microseconds more, the time of a
    stage of a single picture.
    """
    return not torch.is_grad_enabled() and unwatched(x)


class _Thread(threading.local):
    alone = False


_thread = _Thread()


def compute_alone() -> None:
    """Run this thread's kernels in it alone from now on: one of several that prepare data beside the computation."""
    _thread.alone = True


class Call:
    """A kernel over range(count) of its outermost axis, cut among torch's threads, to be run as often as wanted.

    Args:
        name: Symbol in one of the C files.
        count: Length of the outermost axis.
        arguments: The kernel's values; tensors are passed as the address of their data and kept alive, and the caller
            answers for their dtype, layout and size. None: a tensor that comes with each run.
        scratch: Floats of working memory for each thread, passed as the last value where it is not 0.
    """

    def __init__(self, name: str, count: int, *arguments: torch.Tensor | int | float | None, scratch: int = 0):
        parts = 1 if _thread.alone else max(1, min(torch.get_num_threads(), count))
        self._kept = [a for a in arguments if isinstance(a, torch.Tensor)]
        values = [a.data_ptr() if isinstance(a, torch.Tensor) else a for a in arguments]
        self._scratch = parts * scratch
        self._call = library.Call(name, count, [*values, None] if scratch else values, parts=parts)

    def __call__(self, *tensors: torch.Tensor) -> None:
        """Run it with these tensors in the places that were left open, in order."""
        memory = (torch.empty(self._scratch),) if self._scratch else ()
        self._call.run(*[tensor.data_ptr() for tensor in (*tensors, *memory)])


def run(name: str, count: int, *arguments: torch.Tensor | int | float, scratch: int = 0) -> None:
    """Run a kernel once, as a `Call` of these arguments does."""
    Call(name, count, *arguments, scratch=scratch)()
