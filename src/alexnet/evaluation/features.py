"""What a layer of a network makes of pictures, for search and for other programs' classifiers."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from alexnet.core.errors import UsageError
from alexnet.core.names import nearest
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.nets.network import Network
from alexnet.nets.own import classifier_name


def features(classifier: ViewClassifier, images: np.ndarray, layer: str | None = None) -> Tensor:
    """Return a layer's outputs for the central view of each picture, flattened.

    Args:
        images: Prepared pictures, uint8 (N, size, size, C).
        layer: Name of a layer, e.g. `fc7` or `pool5`; by default what the last layer reads (paper, section 6.1).

    Returns:
        float32 (N, D) on the CPU, computed in the precision of the run.

    Raises:
        UsageError: the network has no such layer; gives the nearest.
    """
    net = check_layer(classifier, layer)

    def upto(x: Tensor) -> Tensor:
        if not isinstance(net, Network):
            return _caught(net, x, layer)
        return net.forward_features(x) if layer is None else net.forward_intermediates(x, [layer])[layer]

    (found,) = classifier.outputs(images, upto)
    return found.float().flatten(1).cpu()


def _caught(net: nn.Module, x: Tensor, layer: str | None) -> Tensor:
    """Return what a layer of any network gives, or without a name what its last layer with weights reads."""
    caught: list[Tensor] = []

    def catch(_: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        caught.append(inputs[0] if layer is None else outputs)

    hook = net.get_submodule(layer or classifier_name(net)).register_forward_hook(catch)
    try:
        net(x)
    finally:
        hook.remove()
    if not caught or not isinstance(caught[-1], Tensor):
        raise UsageError(f"{layer or classifier_name(net)} gives no tensor", remedy="name another --layer")
    return caught[-1]


def check_layer(classifier: ViewClassifier, layer: str | None) -> nn.Module:
    """Return the network, if it has this layer.

    Raises:
        UsageError: it has not; gives the nearest.
    """
    net = classifier.net
    layers = net.named_children() if isinstance(net, Network) else net.named_modules()
    known = [name for name, _ in layers if name]
    if layer is not None and layer not in known:
        raise UsageError(f"the network has no layer {layer!r}", remedy=nearest(layer, known))
    return net
