"""Lateral inhibition: what a response normalization does to a Hermann grid.

In the grid, people see dim spots where two bright lines cross: a place is inhibited by its bright surroundings. A
normalization across maps inhibits a unit by other kinds of units at its own place, one within maps by its neighbors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alexnet.evaluation.classifier import ViewClassifier
from alexnet.inside.activations import layer_maps
from alexnet.nets.network import Network
from alexnet.nets.rows import Lrn, SpatialNorm


class Inhibition(NamedTuple):
    """A normalizing layer's input and output for the grid."""

    layer: str
    before: np.ndarray
    """float32 (C, h, w)."""
    after: np.ndarray
    """float32 (C, h, w)."""

    @property
    def evened(self) -> float:
        """Coefficient of variation of the places' mean activity after, over that before: below 1, it evens out."""
        spreads = [
            maps.mean(0).std() / max(float(maps.mean(0).mean()), 1e-12) for maps in (self.after, self.before)
        ]
        return float(spreads[0] / max(spreads[1], 1e-12))


def hermann_grid(size: int, channels: int, *, squares: int = 6, line: float = 0.22) -> np.ndarray:
    """Return dark squares between bright lines, uint8 (size, size, channels).

    Args:
        squares: Squares along a side.
        line: A line's width, as a part of a square and its line.
    """
    period = size / squares
    place = (np.arange(size) + 0.5) % period
    bright = (place < line * period / 2) | (place > period * (1 - line / 2))
    grid = np.where(bright[:, None] | bright[None, :], 235, 20).astype(np.uint8)
    return np.repeat(grid[:, :, None], channels, 2)


def inhibitions(classifier: ViewClassifier) -> list[Inhibition]:
    """Return every normalizing layer's input and output for a Hermann grid, in order."""
    net, spec = classifier.net, classifier.input
    assert isinstance(net, Network)
    maps = layer_maps(classifier, hermann_grid(spec.size, spec.channels))
    names = list(maps)
    return [
        Inhibition(row.name, maps[names[place - 1]], maps[row.name])
        for place, row in enumerate(net.table)
        if isinstance(row, Lrn | SpatialNorm) and place and maps[names[place - 1]].ndim == 3
    ]
