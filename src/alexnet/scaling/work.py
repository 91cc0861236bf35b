"""What a step of a network computes, holds and hands on, counted from its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alexnet.nets.rows import Linear
from alexnet.nets.summary import summarize
from alexnet.nets.tables import NetSpec


@dataclass(frozen=True)
class LayerWork:
    """One layer with weights, for one image."""

    name: str
    forward: int
    """FLOPs of the forward pass: two for each multiply-accumulate."""
    backward: int
    """FLOPs of both gradients; of the weights' alone in the first layer, which needs no gradient of the image."""
    parameters: int
    inputs: int
    outputs: int
    crossing: int
    """Values that the towers read of each other."""
    full: bool
    """Whether it is fully connected."""


@dataclass(frozen=True)
class Work:
    """A network's layers with weights, in its order."""

    network: str
    layers: tuple[LayerWork, ...]
    towers: int

    @property
    def flops(self) -> int:
        """FLOPs of one image's training step."""
        return sum(layer.forward + layer.backward for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Trainable ones."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def full(self) -> tuple[LayerWork, ...]:
        """The fully connected layers."""
        return tuple(layer for layer in self.layers if layer.full)


def work_of(spec: NetSpec) -> Work:
    """Count a network's work. Layers without weights are not counted: a device's measured rate has them in it."""
    layers: list[LayerWork] = []
    shape: tuple[int, ...] = spec.input_shape
    for row in summarize(spec.table, spec.input_shape, spec.num_classes):
        if row.parameters:
            forward = 2 * row.macs
            layers.append(
                LayerWork(
                    name=row.row.name,
                    forward=forward,
                    backward=2 * forward if layers else forward,
                    parameters=row.parameters,
                    inputs=math.prod(shape),
                    outputs=math.prod(row.output_shape),
                    crossing=row.crossing,
                    full=isinstance(row.row, Linear),
                )
            )
        shape = row.output_shape
    return Work(spec.name, tuple(layers), max(getattr(row, "groups", 1) for row in spec.table))
