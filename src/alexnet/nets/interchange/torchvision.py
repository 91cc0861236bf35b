"""The weights of torchvision's `alexnet`, which is `alexnet_owt` here, under both packages' names.

The two compute the same function of 224 x 224 pixels, so the tensors are the same ones. Preparation of its published
weights: shorter side 256, central crop of 224 x 224, red, green, blue from 0 to 1, minus (0.485, 0.456, 0.406),
divided by (0.229, 0.224, 0.225).

Source: torchvision/models/alexnet.py of pytorch/vision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from alexnet.core.errors import UsageError
from alexnet.nets.network import Network

OF_TORCHVISION = "alexnet_owt"
_LAYERS = {
    "features.0": "conv1",
    "features.3": "conv2",
    "features.6": "conv3",
    "features.8": "conv4",
    "features.10": "conv5",
    "classifier.1": "fc6",
    "classifier.4": "fc7",
    "classifier.6": "fc8",
}
_NAMES = {f"{theirs}.{p}": f"{ours}.{p}" for theirs, ours in _LAYERS.items() for p in ("weight", "bias")}


def is_torchvision(names: Iterable[str]) -> bool:
    """Say whether tensors of these names are of torchvision's `alexnet`, or of a network much like it."""
    return not {"features.0.weight", "classifier.6.weight"}.difference(names)


def from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict of torchvision's `alexnet` under the names of `alexnet_owt`; the tensors are shared.

    Raises:
        UsageError: a tensor is missing or unknown; names the first.
    """
    if differing := sorted(_NAMES.keys() ^ state.keys()):
        how = "lacks" if differing[0] in _NAMES else "also holds"
        raise UsageError(f"is not torchvision's alexnet: it {how} {differing[0]}")
    return {ours: state[theirs] for theirs, ours in _NAMES.items()}


def to_torchvision(net: Network) -> dict[str, Tensor]:
    """Return a network's weights as torchvision's `alexnet` loads them; the tensors are shared.

    Raises:
        UsageError: torchvision has no such network.
    """
    if net.spec.name != OF_TORCHVISION or [r.name for r in net.table] != [r.name for r in net.spec.table]:
        raise UsageError(
            f"torchvision's alexnet does not compute what {net.spec.name} with these layers does",
            remedy=f'only "{OF_TORCHVISION}" without edits goes there',
        )
    state = net.state_dict()
    return {theirs: state[ours] for theirs, ours in _NAMES.items()}
