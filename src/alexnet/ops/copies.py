"""bfloat16 copies of float32 weights, made once and kept up to date by the optimizer.

Autocast makes such a copy of every weight at every pass, and widens every gradient; for the 59 million weights of the
fully connected layers that is a tenth of a training step on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary


@dataclass
class _Copy:
    value: Tensor
    version: int
    address: int

    def is_of(self, weight: Tensor) -> bool:
        return self.version == weight._version and self.address == weight.data_ptr()


class _Copies:
    """The copies of the weights that are alive."""

    def __init__(self) -> None:
        self.by_weight = WeakTensorKeyDictionary()


_copies = _Copies()


def bfloat16_copy(weight: Tensor) -> Tensor:
    """Return the weight in bfloat16; the same memory as long as only `SGD` changes the weight."""
    copy = _copies.by_weight.get(weight)
    if copy is None or not copy.is_of(weight):
        with torch.inference_mode(False):  # a copy made while evaluating serves training too
            value = weight.detach().to(torch.bfloat16)
        copy = _copies.by_weight[weight] = _Copy(value, weight._version, weight.data_ptr())
    return copy.value


def autocasts(x: Tensor, weight: Tensor) -> bool:
    """Say whether torch is about to make a bfloat16 copy of this weight: a CPU's autocast, outside of the compiler."""
    return (
        x.device.type == "cpu"
        and weight.dtype == torch.float32
        and weight.is_leaf
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and not torch.compiler.is_compiling()
    )


def current_copy(weight: Tensor) -> Tensor | None:
    """Return the copy that an update has to change with the weight, if there is one."""
    copy = _copies.by_weight.get(weight)
    return copy.value if copy is not None and copy.is_of(weight) else None


def mark_updated(weight: Tensor, copy: Tensor | None) -> None:
    """Record that the weight, and its copy with it, were changed in place behind torch's back."""
    torch.autograd.graph.increment_version(weight)
    if copy is not None:
        _copies.by_weight[weight].version = weight._version
