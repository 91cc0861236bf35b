"""Forward passes without gradients whose decisions are made once: which kernel computes what, with which weights.

A single picture takes the network a few milliseconds; finding out again for every layer how it can be computed takes
one of them. A plan is what was found out, and it holds as long as every layer is as it was then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_

import torch
from torch import Tensor, nn

from alexnet.nets.layers import Convolution, FlatLinear
from alexnet.nets.stages import is_plain, is_relu, no_global_hooks, run, stage_at
from alexnet.ops import fused, native
from alexnet.ops.dropout import Dropout

Step = Callable[[Tensor], Tensor]

_MAX_PLANS = 4
"""Kinds of input whose plans are kept."""


class Plans:
    """The plans of one network, by what its input is like; a copied or pickled network starts without."""

    def __init__(self) -> None:
        self._by_input: dict[tuple, _Plan] = {}

    def __deepcopy__(self, memo: dict) -> Plans:
        return Plans()

    def __reduce__(self) -> tuple[type, tuple]:
        return Plans, ()

    def run(self, layers: Sequence[nn.Module], x: Tensor) -> Tensor:
        """Return what the layers make of x: the numbers of `stages.run`."""
        if not (native.unobserved(x) and native.takes(x) and no_global_hooks()):
            return run(layers, x)
        kind = _kind(layers, x)
        plan = self._by_input.get(kind)
        if plan is not None and plan.holds(layers):
            return plan(x)
        while len(self._by_input) >= _MAX_PLANS:
            self._by_input.pop(next(iter(self._by_input)))
        self._by_input[kind] = plan = _Plan(layers)
        return plan.make(x)


def _kind(layers: Sequence[nn.Module], x: Tensor) -> tuple:
    """Return all that decisions depend on besides the layers themselves."""
    autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
    return len(layers), x.shape, x.stride(), x.dtype, autocast, torch.get_num_threads()


class _Plan:
    """Steps, and the layers as they were when the steps were chosen."""

    def __init__(self, layers: Sequence[nn.Module]):
        self._layers = tuple(layers)
        self._steps: list[Step] = []
        self._seen: list[_Seen] = []

    def holds(self, layers: Sequence[nn.Module]) -> bool:
        return all(map(is_, self._layers, layers)) and all(seen.holds() for seen in self._seen)

    def __call__(self, x: Tensor) -> Tensor:
        for step in self._steps:
            x = step(x)
        return x

    def make(self, x: Tensor) -> Tensor:
        """Choose the steps by passing x through them."""
        position = 0
        while position < len(self._layers):
            step, count = _next_step(self._layers, position, x)
            used = self._layers[position : position + count]
            if step is None:
                step = used[0]
            else:
                self._seen += [_Seen(layer) for layer in used]
            self._steps.append(step)
            x, position = step(x), position + count
        return x


class _Seen:
    """A layer as it was: the same attributes, the same values in the same weights, nobody listening."""

    def __init__(self, layer: nn.Module):
        self._layer, self._attributes = layer, vars(layer)
        self._values = tuple(self._attributes.values())
        self._weights = tuple(layer._parameters.values())
        self._contents = _contents(self._weights)

    def holds(self) -> bool:
        attributes, weights = self._attributes, self._layer._parameters.values()
        return (
            len(attributes) == len(self._values)
            and all(map(is_, attributes.values(), self._values))
            and all(map(is_, weights, self._weights))
            and _contents(self._weights) == self._contents
            and is_plain(self._layer)
        )


def _contents(weights: tuple[Tensor | None, ...]) -> list[tuple[int, int]]:
    return [(weight._version, weight.data_ptr()) for weight in weights if weight is not None]


def _next_step(layers: Sequence[nn.Module], position: int, x: Tensor) -> tuple[Step | None, int]:
    """Return what computes the next layers and how many they are; None: the one layer itself."""
    layer = layers[position]
    if not is_plain(layer):
        return None, 1
    if type(layer) is Convolution:
        return layer.bind(x), 1
    if type(layer) is FlatLinear:
        return _linear(layers, position, x)
    stage = stage_at(layers, position)
    if (stage.norm or stage.pool) and fused.takes(x, stage.norm, stage.pool):
        return fused.bind(x, relu=stage.relu, norm=stage.norm, pool=stage.pool), stage.layers
    return (torch.relu, 1) if is_relu(layer) else (None, 1)


def _linear(layers: Sequence[nn.Module], position: int, x: Tensor) -> tuple[Step | None, int]:
    """Return a fully connected layer with the ReLU and the dropout that follow it."""
    relu, factor, count = False, 1.0, 1
    for layer in layers[position + 1 : position + 3]:
        if is_plain(layer) and is_relu(layer) and count == 1:
            relu = True
        elif is_plain(layer) and type(layer) is Dropout and not layer.training:
            factor = layer.factor
        else:
            break
        count += 1
    step = layers[position].bind(x, relu=relu, factor=factor)
    return step, count if step else 1
