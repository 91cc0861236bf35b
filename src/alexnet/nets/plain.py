"""A network in torch's own layers only, for programs that know no others: exporters, compilers, other runtimes.

It shares its weights with the network it was made of, under the same names, and computes the same function of the same
inputs in evaluation mode; sums run in torch's order instead of the kernels'.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.nets import layers
from alexnet.nets.network import Network
from alexnet.ops.dropout import Dropout
from alexnet.ops.lrn import reference


def plain_network(
    net: Network, norm: Callable[[layers.LocalResponseNorm], nn.Module] | None = None
) -> nn.Sequential:
    """Return the network's layers in evaluation mode, each of torch's own functions.

    Args:
        net: Input (N, C, H, W), logits (N, num_classes).
        norm: What stands for a response normalization across maps; by default its formula.

    Raises:
        ValueError: a layer of a kind that has no plain form.
    """
    made = OrderedDict()
    for name, layer in net.named_children():
        if isinstance(layer, layers.LocalResponseNorm) and norm is not None:
            made[name] = norm(layer)
        elif isinstance(layer, _AS_THEY_ARE):
            made[name] = layer
        elif type(layer) in _PLAIN:
            made[name] = _PLAIN[type(layer)](layer)
        else:
            raise ValueError(f"{name}: {type(layer).__name__} has no plain form")
    return nn.Sequential(made).eval()


class _Weighted(nn.Module):
    """A layer with the weights of another."""

    def __init__(self, layer: Any):
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias


class PlainConvolution(_Weighted):
    """`Convolution` by torch's own operator."""

    def __init__(self, layer: layers.Convolution):
        super().__init__(layer)
        self.stride, self.pad, self.groups = layer.stride[0], layer.padding[0], layer.groups
        self.pad_after = layer.pad_after

    def forward(self, x: Tensor) -> Tensor:
        if self.pad_after:
            x = F.pad(x, (0, self.pad_after, 0, self.pad_after))
        return F.conv2d(x, self.weight, self.bias, self.stride, self.pad, 1, self.groups)


class PlainLocalConvolution(_Weighted):
    """`LocalConvolution` as one product for all places."""

    def __init__(self, layer: layers.LocalConvolution):
        super().__init__(layer)
        self.kernel, self.pad = layer.kernel, layer.pad

    def forward(self, x: Tensor) -> Tensor:
        height, width = (side + 2 * self.pad - self.kernel + 1 for side in x.shape[2:])
        windows = F.unfold(x, self.kernel, padding=self.pad)
        out = torch.einsum("ncp,poc->nop", windows, self.weight) + self.bias.T
        return out.unflatten(2, (height, width))


class PlainLinear(_Weighted):
    """`FlatLinear` by torch's own operator."""

    def __init__(self, layer: layers.FlatLinear):
        super().__init__(layer)
        self.groups = layer.groups

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        if self.groups == 1:
            return F.linear(x, self.weight, self.bias)
        parts = zip(
            x.chunk(self.groups, 1), self.weight.chunk(self.groups), self.bias.chunk(self.groups), strict=True
        )
        return torch.cat([F.linear(*part) for part in parts], 1)


class PlainResponseNorm(nn.Module):
    """`LocalResponseNorm` as its formula is written."""

    def __init__(self, layer: layers.LocalResponseNorm):
        super().__init__()
        self.row = layer.row

    def forward(self, x: Tensor) -> Tensor:
        row = self.row
        return reference(x, size=row.size, alpha=row.alpha, beta=row.beta, k=row.k, groups=row.groups)


class PlainSpatialNorm(nn.Module):
    """`SpatialResponseNorm` by a mean over windows."""

    def __init__(self, layer: layers.SpatialResponseNorm):
        super().__init__()
        self.row = layer.row

    def forward(self, x: Tensor) -> Tensor:
        row = self.row
        # A mean times its count: ONNX has no pool with a divisor of one's own, and its exporter forgets it.
        energy = row.size**2 * F.avg_pool2d(x * x, row.size, 1, row.size // 2)
        return x / (row.k + row.alpha * energy) ** row.beta


class PlainSubsampling(_Weighted):
    """`Subsampling` by a mean over windows, as in `PlainSpatialNorm`."""

    def __init__(self, layer: layers.Subsampling):
        super().__init__(layer)
        self.size, self.factor = layer.row.size, layer.row.size**2 if layer.row.kind == "sum" else 1

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.factor * F.avg_pool2d(x, self.size)
        return pooled * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


class PlainScale(nn.Module):
    """`Dropout` in evaluation: all units times one factor."""

    def __init__(self, layer: Dropout):
        super().__init__()
        self.factor = layer.factor

    def forward(self, x: Tensor) -> Tensor:
        return x if self.factor == 1 else x * self.factor


_AS_THEY_ARE = (
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.BatchNorm2d,
    layers.Activation,
    layers.PartialConvolution,
    layers.RbfOutput,
)
_PLAIN: dict[type, Callable[[Any], nn.Module]] = {
    layers.Convolution: PlainConvolution,
    layers.LocalConvolution: PlainLocalConvolution,
    layers.FlatLinear: PlainLinear,
    layers.LocalResponseNorm: PlainResponseNorm,
    layers.SpatialResponseNorm: PlainSpatialNorm,
    layers.Subsampling: PlainSubsampling,
    Dropout: PlainScale,
}
