"""Finds the compiled kernels and runs them on the cores that torch may use.

The library is built with the package where a C compiler is at hand. Without it every operation has a slower
path in torch; `available()` says which one is in use, and a run records it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import torch

_POINTER, _LENGTH, _REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
_LRN = [_LENGTH, _LENGTH, _LENGTH, _REAL, _REAL, _REAL]
_SPATIAL = [*[_LENGTH] * 4, *[_REAL] * 3, _POINTER]
_ARGUMENTS: dict[str, list[type]] = {
    "alexnet_train_view": [*[_POINTER], *[_LENGTH] * 3, *[_POINTER] * 7, *[_LENGTH] * 2, _POINTER],
    "alexnet_lrn_forward_f32": [*[_POINTER] * 2, *_LRN],
    "alexnet_lrn_backward_f32": [*[_POINTER] * 3, *_LRN],
    "alexnet_lrn_forward_bf16": [*[_POINTER] * 2, *_LRN],
    "alexnet_lrn_backward_bf16": [*[_POINTER] * 3, *_LRN],
    "alexnet_spatial_norm_forward_f32": [*[_POINTER] * 2, *_SPATIAL],
    "alexnet_spatial_norm_backward_f32": [*[_POINTER] * 3, *_SPATIAL],
    "alexnet_spatial_norm_forward_bf16": [*[_POINTER] * 2, *_SPATIAL],
    "alexnet_spatial_norm_backward_bf16": [*[_POINTER] * 3, *_SPATIAL],
    "alexnet_sgd": [*[_POINTER] * 3, *[_REAL] * 3],
}

SUFFIX = {torch.float32: "f32", torch.bfloat16: "bf16"}
"""Endings of the symbols that exist for more than one dtype."""


def available() -> bool:
    """Say whether the compiled kernels can be used (`ALEXNET_NATIVE=0` switches them off)."""
    return _library() is not None


def takes(x: torch.Tensor) -> bool:
    """Say whether the kernels over maps can read a tensor: on the CPU, channels-last, float32 or bfloat16."""
    return (
        x.device.type == "cpu"
        and x.dtype in SUFFIX
        and x.is_contiguous(memory_format=torch.channels_last)
        and available()
    )


def run(name: str, count: int, *arguments: torch.Tensor | int | float, scratch: int = 0) -> None:
    """Run a kernel over range(count) of its outermost axis, cut among torch's threads.

    Args:
        name: Symbol in `native.c`.
        count: Length of the outermost axis.
        arguments: What follows (start, stop) in C; tensors are passed as the address of their data, and the
            caller answers for their dtype, layout and size.
        scratch: Floats of working memory for each thread, passed as the last argument where it is not 0.
    """
    library = _library()
    assert library is not None, "the caller checks available() first"
    function = getattr(library, name)
    values = [a.data_ptr() if isinstance(a, torch.Tensor) else a for a in arguments]
    bounds = _bounds(count, torch.get_num_threads())
    memory = torch.empty(len(bounds), scratch)
    calls = [(*part, *values, *([memory[i].data_ptr()] if scratch else [])) for i, part in enumerate(bounds)]
    if len(calls) == 1:
        function(*calls[0])
        return
    waiting = [_pool(len(calls) - 1).submit(function, *call) for call in calls[1:]]
    function(*calls[0])
    for future in waiting:
        future.result()


def _bounds(count: int, parts: int) -> Sequence[tuple[int, int]]:
    parts = max(1, min(parts, count))
    edges = [count * i // parts for i in range(parts + 1)]
    return list(pairwise(edges))


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="alexnet-kernel")


@cache
def _library() -> ctypes.CDLL | None:
    if os.environ.get("ALEXNET_NATIVE") == "0":
        return None
    spec = importlib.util.find_spec("alexnet.ops._native")
    if spec is None or spec.origin is None:
        return None
    library = ctypes.CDLL(spec.origin)
    for name, arguments in _ARGUMENTS.items():
        function = getattr(library, name)
        function.argtypes = [_LENGTH, _LENGTH, *arguments]
        function.restype = None
    return library
