"""Whether Triton kernels can run: on a CUDA device, or step by step on the CPU in Triton's interpreter."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec

import torch

_CAPABILITY = 8, 0
"""bfloat16 conversions and the maximum that keeps a NaN are instructions from here on."""


def available(device: torch.device) -> bool:
    """Say whether the kernels can run on a device's tensors.

    On the CPU they do under TRITON_INTERPRET=1, for tests: one operation at a time.
    """
    if not _has_triton():
        return False
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _CAPABILITY
    return device.type == "cpu" and interpreted()


def interpreted() -> bool:
    """Say whether kernels run in Triton's interpreter instead of being compiled."""
    return _has_triton() and importlib.import_module("triton").knobs.runtime.interpret


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None
