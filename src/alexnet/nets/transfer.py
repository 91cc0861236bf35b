"""Starting a network from another's weights, layer by layer: pretraining, then fine-tuning (paper, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from alexnet.core.errors import UsageError
from alexnet.core.names import nearest
from alexnet.nets.own import classifier_name
from alexnet.nets.weights import read_weights


def transfer_weights(net: nn.Module, path: str | Path, layers: Sequence[str] = ()) -> tuple[str, ...]:
    """Copy layers of stored weights into a network, whatever network they are of.

    Args:
        net: Layers that are not copied keep their values.
        path: As for `alexnet.nets.weights.read_weights`.
        layers: Names of the layers to copy. By default every layer that holds weights, and the last one only where
            its shape is the same: with other classes it starts anew.

    Returns:
        The names of the layers that were copied.

    Raises:
        UsageError: the file cannot be read, or a layer is missing or has another shape; names it.
    """
    stored = read_weights(path)
    own = net.state_dict()
    known = list(dict.fromkeys(name.rpartition(".")[0] for name in own))
    for layer in layers:
        if layer not in known:
            raise UsageError(f"the network has no layer {layer!r} with weights", remedy=nearest(layer, known))
    last, copied = getattr(net, "classifier_name", None) or classifier_name(net), []
    for layer in layers or known:
        names = [name for name in own if name.rpartition(".")[0] == layer]
        differing = [n for n in names if n not in stored.tensors or stored.tensors[n].shape != own[n].shape]
        if differing and not layers and layer == last:
            continue
        if differing:
            name = differing[0]
            found = tuple(stored.tensors[name].shape) if name in stored.tensors else "nothing"
            raise UsageError(
                f"{layer} cannot be taken over: {name} is {tuple(own[name].shape)} here, {found} there",
                where=stored.path,
                remedy="name the layers to take in model.weights_layers",
            )
        with torch.no_grad():
            for name in names:
                own[name].copy_(stored.tensors[name])
        copied.append(layer)
    return tuple(copied)
