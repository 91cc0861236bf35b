"""What every layer makes of one picture."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from alexnet.evaluation.classifier import ViewClassifier
from alexnet.nets.network import Network


def layer_maps(classifier: ViewClassifier, picture: np.ndarray) -> dict[str, np.ndarray]:
    """Return every layer's output for the central view of a picture, by name, in order.

    Args:
        picture: Prepared, uint8 (size, size, C).

    Returns:
        float32 (C, h, w) of layers with maps, (D,) of the others, in evaluation mode.
    """
    net = classifier.net
    assert isinstance(net, Network)
    names = [name for name, _ in net.named_children()]
    kept: dict[str, Tensor] = {}

    def through(x: Tensor) -> Tensor:
        kept.update(net.forward_intermediates(x, names))
        return x

    list(classifier.outputs(picture[None], through))
    return {name: found[0].float().cpu().numpy() for name, found in kept.items()}


def most_active(maps: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the maps (C, h, w) with the largest sums of absolute values, largest first."""
    strength = np.abs(maps).reshape(len(maps), -1).sum(1)
    return np.argsort(-strength, kind="stable")[:count]


def network_input(classifier: ViewClassifier, picture: np.ndarray) -> Tensor:
    """Return what the network reads for the central view of a picture: (1, C, crop, crop), float32."""
    kept: list[Tensor] = []

    def keep(x: Tensor) -> Tensor:
        kept.append(x)
        return x

    list(classifier.outputs(picture[None], keep))
    return kept[0].float().clone()
