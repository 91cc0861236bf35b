"""bfloat16 copies of float32 weights, made once and kept up to date by the optimizer.

Autocast makes such a copy of every weight at every pass, and widens every gradient; for the 59 million weights of the
fully connected layers that is a tenth of a training step on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

T = TypeVar("T")


@dataclass
class _Made(Generic[T]):
    value: T
    version: int
    address: int

    def is_of(self, weight: Tensor) -> bool:
        return self.version == weight._version and self.address == weight.data_ptr()


class Derived(Generic[T]):
    """What is made of weights that are alive, one thing for each, made again when a weight has changed."""

    def __init__(self) -> None:
        self._by_weight = WeakTensorKeyDictionary()

    def of(self, weight: Tensor, make: Callable[[], T]) -> T:
        """Return what was made of this weight as it is, or make it."""
        found = self.current(weight)
        if found is None:
            found = make()
            self._by_weight[weight] = _Made(found, weight._version, weight.data_ptr())
        return found

    def current(self, weight: Tensor) -> T | None:
        """Return what was made of this weight as it is, if it was."""
        made = self._by_weight.get(weight)
        return made.value if made is not None and made.is_of(weight) else None

    def still_holds(self, weight: Tensor) -> None:
        """Record that what was made has been changed in the same way as the weight."""
        self._by_weight[weight].version = weight._version


_copies: Derived[Tensor] = Derived()


def bfloat16_copy(weight: Tensor) -> Tensor:
    """Return the weight in bfloat16; the same memory as long as only `SGD` changes the weight."""

    def narrow() -> Tensor:
        with torch.inference_mode(False):  # a copy made while evaluating serves training too
            return weight.detach().to(torch.bfloat16)

    return _copies.of(weight, narrow)


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
    return _copies.current(weight)


def mark_updated(weight: Tensor, copy: Tensor | None) -> None:
    """Record that the weight, and its copy with it, were changed in place behind torch's back."""
    torch.autograd.graph.increment_version(weight)
    if copy is not None:
        _copies.still_holds(weight)
