"""From a table of rows to a `torch.nn.Module`."""

from __future__ import annotations

import math
from collections import OrderedDict
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.core.keys import Key
from alexnet.nets.rows import Activation, Conv, Linear, Lrn, NetSpec, Pool, Row, SpatialNorm, Table
from alexnet.nets.rows import Dropout as DropoutRow
from alexnet.ops.dropout import Dropout
from alexnet.ops.lrn import local_response_norm
from alexnet.ops.spatial_norm import spatial_response_norm


class Network(nn.Sequential):
    """The layers of a table in order, under their names: `conv1`, `relu1`, ..., `fc8`.

    Input float (N, C, H, W), output logits (N, num_classes). Parameters are `conv1.weight` ... `fc8.bias`; they
    hold no values until `initialize` or stored weights fill them.
    """

    def __init__(self, spec: NetSpec, num_classes: int, table: Table | None = None):
        table = spec.table if table is None else table
        super().__init__(OrderedDict(_modules(table, spec.input_shape, num_classes)))
        self.spec, self.table, self.num_classes = spec, table, num_classes

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one input."""
        return self.spec.input_shape

    @property
    def classifier_name(self) -> str:
        """Name of the last layer, whose outputs are the logits."""
        return self.table[-1].name

    def forward_features(self, x: Tensor) -> Tensor:
        """Return what the last layer reads, (N, num_features); dropout applies in training."""
        for layer in islice(self, len(self) - 1):
            x = layer(x)
        return x.flatten(1)

    def reset_classifier(self, num_classes: int, key: Key | None = None) -> None:
        """Replace the last layer by a fresh one with `num_classes` outputs."""
        old = self.get_submodule(self.classifier_name)
        new = _FlatLinear(old.in_features, num_classes, device=old.weight.device, dtype=old.weight.dtype)
        setattr(self, self.classifier_name, new)
        self.num_classes = num_classes
        initialize(self, self.table[-1:], key)


class _Convolution(nn.Conv2d):
    """Convolution with zeros at the right and bottom only, as ceiling division of sizes implies."""

    def __init__(self, in_channels: int, row: Conv):
        super().__init__(in_channels, row.channels, row.kernel, row.stride, row.pad, groups=row.groups)
        self.pad_after = row.pad_after

    def reset_parameters(self) -> None:
        """Nothing: `initialize` draws them, and torch's global generator stays where it was."""

    def forward(self, x: Tensor) -> Tensor:
        if self.pad_after:
            x = F.pad(x, (0, self.pad_after, 0, self.pad_after))
        return super().forward(x)


class _Lrn(nn.Module):
    def __init__(self, row: Lrn):
        super().__init__()
        self.row = row

    def forward(self, x: Tensor) -> Tensor:
        row = self.row
        return local_response_norm(x, size=row.size, alpha=row.alpha, beta=row.beta, k=row.k, groups=row.groups)

    def extra_repr(self) -> str:
        row = self.row
        return f"size={row.size}, alpha={row.alpha:g}, beta={row.beta}, k={row.k}, groups={row.groups}"


class _SpatialNorm(nn.Module):
    def __init__(self, row: SpatialNorm):
        super().__init__()
        self.row = row

    def forward(self, x: Tensor) -> Tensor:
        row = self.row
        return spatial_response_norm(x, size=row.size, alpha=row.alpha, beta=row.beta, k=row.k)

    def extra_repr(self) -> str:
        return f"size={self.row.size}, alpha={self.row.alpha:g}, beta={self.row.beta}, k={self.row.k}"


class _Activation(nn.Module):
    def __init__(self, kind: str):
        super().__init__()
        self.kind, self.function = kind, ACTIVATIONS[kind]

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)

    def extra_repr(self) -> str:
        return self.kind


class _FlatLinear(nn.Linear):
    """Fully connected layer that reads maps (N, C, H, W) as vectors in C, H, W order."""

    def reset_parameters(self) -> None:
        """Nothing, as in `_Convolution`."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))


ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "abs_tanh": lambda x: torch.tanh(x).abs(),
    "sigmoid": torch.sigmoid,
    "scaled_tanh": lambda x: 1.7159 * torch.tanh(2 * x / 3),
}


def initialize(net: nn.Module, table: Table, key: Key | None) -> None:
    """Draw the initial weights of the table's rows.

    Args:
        key: Each parameter has its own stream derived from its name, so that adding a layer moves no other
            weight; None draws from torch's global generator.
    """
    with torch.no_grad():
        for row in table:
            if not isinstance(row, Conv | Linear):
                continue
            layer = net.get_submodule(row.name)
            weight = layer.weight
            std = row.std if row.std is not None else 1 / math.sqrt(weight[0].numel())
            generator = None if key is None else _generator(key.derive(f"{row.name}.weight"))
            weight.copy_(torch.empty(weight.shape).normal_(0, std, generator=generator))
            layer.bias.fill_(row.bias)


def _generator(key: Key) -> torch.Generator:
    return torch.Generator().manual_seed(key.value >> 1)


def _modules(table: Table, input_shape: tuple[int, int, int], num_classes: int):
    from alexnet.nets.summary import output_shape

    shape: tuple[int, ...] = input_shape
    for row in table:
        yield row.name, _module(row, shape, num_classes)
        shape = output_shape(row, shape, num_classes)


def _module(row: Row, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    match row:
        case Conv():
            return _Convolution(shape[0], row)
        case Linear():
            return _FlatLinear(math.prod(shape), row.units or num_classes)
        case Activation():
            return _Activation(row.kind)
        case Lrn():
            return _Lrn(row)
        case SpatialNorm():
            return _SpatialNorm(row)
        case Pool(kind="max"):
            return nn.MaxPool2d(row.size, row.stride, ceil_mode=row.ceil)
        case Pool():
            return nn.AvgPool2d(row.size, row.stride, ceil_mode=row.ceil)
        case DropoutRow():
            return Dropout(row.rate, inverted=row.inverted, name=row.name)
