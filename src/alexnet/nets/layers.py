"""One module per kind of row. Weights hold no values until `initialize` or stored weights fill them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.nets import rows
from alexnet.nets.digits import DIGIT_CODES
from alexnet.ops import packed_conv, run_conv, strided_conv
from alexnet.ops.dropout import Dropout
from alexnet.ops.linear import bind as bind_linear
from alexnet.ops.linear import is_few, linear
from alexnet.ops.local_conv import local_conv2d
from alexnet.ops.lrn import local_response_norm
from alexnet.ops.powers import widened
from alexnet.ops.spatial_norm import spatial_response_norm

ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "abs_tanh": lambda x: torch.tanh(x).abs(),
    "sigmoid": torch.sigmoid,
    "scaled_tanh": lambda x: 1.7159 * torch.tanh(2 * x / 3),
}


def build_layer(row: rows.Row, shape: tuple[int, ...], out: tuple[int, ...]) -> nn.Module:
    """Return the module of a row that maps one image's `shape` to `out`."""
    return _BUILDERS[type(row)](row, shape, out)


class Convolution(nn.Conv2d):
    """Convolution with zeros at the right and bottom only, as ceiling division of sizes implies."""

    def __init__(self, in_channels: int, row: rows.Conv):
        super().__init__(
            in_channels,
            row.channels,
            row.kernel,
            row.stride,
            row.pad,
            groups=row.groups,
            bias=row.bias is not None,
        )
        self.pad_after = row.pad_after
        self.fan_in = self.weight[0].numel()

    def reset_parameters(self) -> None:
        """Nothing: `initialize` draws them, and torch's global generator stays where it was."""

    def forward(self, x: Tensor) -> Tensor:
        stride, pad = self.stride[0], self.padding[0]
        if strided_conv.takes(x, self.weight, stride, self.groups, 2 * pad + self.pad_after):
            return strided_conv.strided_conv2d(x, self.weight, self.bias, stride, pad, self.pad_after)
        if self.pad_after:
            x = F.pad(x, (0, self.pad_after, 0, self.pad_after))
        elif run_conv.takes(x, self.weight, stride, self.groups, pad):
            return run_conv.run_conv2d(x, self.weight, self.bias, pad)
        if packed_conv.takes(x, self.weight):
            return packed_conv.packed_conv2d(
                x, self.weight, self.bias, pad=pad, stride=stride, groups=self.groups
            )
        return self._conv_forward(x, self.weight, self.bias)

    def bind(self, x: Tensor) -> Callable[[Tensor], Tensor] | None:
        """Return this layer for maps like x, without gradients and with its weights as they are now.

        Returns:
            None where only `forward` can compute it.
        """
        stride, pad = self.stride[0], self.padding[0]
        if strided_conv.takes(x, self.weight, stride, self.groups, 2 * pad + self.pad_after):
            return strided_conv.bind(x, self.weight, self.bias, stride, pad, self.pad_after)
        if self.pad_after or not packed_conv.takes(x, self.weight):
            return None
        return packed_conv.bind(x, self.weight, self.bias, pad=pad, stride=stride, groups=self.groups)

    def extra_repr(self) -> str:
        return super().extra_repr() + (f", pad_after={self.pad_after}" if self.pad_after else "")


class PartialConvolution(nn.Module):
    """Convolution over the links of a connection table; `weight` (links, k, k) has no entry for a missing link."""

    def __init__(self, row: rows.PartialConv):
        super().__init__()
        pairs = [(output, source) for output, sources in enumerate(row.links) for source in sources]
        self.weight = nn.Parameter(torch.empty(len(pairs), row.kernel, row.kernel))
        self.bias = nn.Parameter(torch.empty(len(row.links)))
        self.row = row
        self.register_buffer("outputs", torch.tensor([o for o, _ in pairs]), persistent=False)
        self.register_buffer("sources", torch.tensor([s for _, s in pairs]), persistent=False)
        sizes = [len(row.links[o]) * row.kernel**2 for o, _ in pairs]
        self.fan_in = torch.tensor(sizes, dtype=torch.float32).view(-1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        dense = self.weight.new_zeros(len(self.row.links), x.shape[1], self.row.kernel, self.row.kernel)
        dense = dense.index_put((self.outputs, self.sources), self.weight)
        return F.conv2d(x, dense, self.bias)

    def extra_repr(self) -> str:
        return f"{len(self.row.links)} maps, {len(self.weight)} links, kernel={self.row.kernel}"


class LocalConvolution(nn.Module):
    """Convolution with unshared weights, `weight` (places, maps, inputs * k * k); see `ops/local_conv.py`."""

    def __init__(self, in_channels: int, places: int, row: rows.LocalConv):
        super().__init__()
        # Three axes: `net.to(memory_format=torch.channels_last)` refuses a parameter of five.
        self.weight = nn.Parameter(torch.empty(places, row.channels, in_channels * row.kernel**2))
        self.bias = nn.Parameter(torch.empty(places, row.channels))
        self.kernel, self.pad, self.fan_in = row.kernel, row.pad, self.weight.shape[2]

    def forward(self, x: Tensor) -> Tensor:
        kernels = self.weight.unflatten(2, (-1, self.kernel, self.kernel))
        return local_conv2d(x, kernels, self.bias, pad=self.pad)

    def extra_repr(self) -> str:
        places, outputs, _ = self.weight.shape
        return f"{outputs}, {places} places, kernel={self.kernel}, pad={self.pad}"


class FlatLinear(nn.Linear):
    """Fully connected layer that reads maps (N, C, H, W) as vectors in C, H, W order.

    With `groups` towers the weight is (outputs, inputs / groups), and each part of the outputs reads its own part
    of the inputs.
    """

    def __init__(self, inputs: int, outputs: int, groups: int = 1, **factory: torch.device | torch.dtype):
        super().__init__(inputs // groups, outputs, **factory)
        self.groups = groups
        self.fan_in = self.in_features

    def reset_parameters(self) -> None:
        """Nothing, as in `Convolution`."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        if self.groups == 1:
            return linear(x, self.weight, self.bias)
        parts = zip(
            x.chunk(self.groups, 1), self.weight.chunk(self.groups), self.bias.chunk(self.groups), strict=True
        )
        return torch.cat([F.linear(*part) for part in parts], 1)

    def bind(self, x: Tensor, *, relu: bool = False, factor: float = 1.0) -> Callable[[Tensor], Tensor] | None:
        """Return this layer, with a ReLU and a factor behind it, for a few inputs like x, as `Convolution.bind`."""
        if self.groups > 1 or not is_few(x, self.weight):
            return None
        compute = bind_linear(x, self.weight, self.bias, relu=relu, factor=factor)
        return compute if x.ndim == 2 else lambda x: compute(x.flatten(1))


class RbfOutput(nn.Module):
    """Logits -sum((x - code)**2) for fixed codes of +-1, one a class (LeCun et al. 1998, section II.B).

    Softmax cross-entropy over these logits is the paper's discriminative criterion with its constant j at infinity.
    """

    def __init__(self, num_classes: int):
        super().__init__()
        self.register_buffer("codes", torch.tensor(DIGIT_CODES[:num_classes], dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        x = widened(x)
        return -(x.unsqueeze(1) - self.codes.to(x.dtype)).square().sum(2)

    def extra_repr(self) -> str:
        return f"{self.codes.shape[1]}, {self.codes.shape[0]}"


class Subsampling(nn.Module):
    """Mean or sum of windows side by side, times a trainable weight and plus a bias per map."""

    def __init__(self, channels: int, row: rows.Subsample):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.row = row
        self.fan_in = row.size**2

    def forward(self, x: Tensor) -> Tensor:
        divisor = 1 if self.row.kind == "sum" else None
        pooled = F.avg_pool2d(x, self.row.size, divisor_override=divisor)
        return pooled * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, {self.row.kind} of {self.row.size} x {self.row.size}"


class LocalResponseNorm(nn.Module):
    """Response normalization across maps."""

    def __init__(self, row: rows.Lrn):
        super().__init__()
        self.row = row

    def forward(self, x: Tensor) -> Tensor:
        row = self.row
        return local_response_norm(x, size=row.size, alpha=row.alpha, beta=row.beta, k=row.k, groups=row.groups)

    def extra_repr(self) -> str:
        row = self.row
        return f"size={row.size}, alpha={row.alpha:g}, beta={row.beta}, k={row.k}, groups={row.groups}"


class SpatialResponseNorm(nn.Module):
    """Response normalization within a map."""

    def __init__(self, row: rows.SpatialNorm):
        super().__init__()
        self.row = row

    def forward(self, x: Tensor) -> Tensor:
        row = self.row
        return spatial_response_norm(x, size=row.size, alpha=row.alpha, beta=row.beta, k=row.k)

    def extra_repr(self) -> str:
        return f"size={self.row.size}, alpha={self.row.alpha:g}, beta={self.row.beta}, k={self.row.k}"


class Activation(nn.Module):
    """Elementwise nonlinearity by its name."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind, self.function = kind, ACTIVATIONS[kind]

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)

    def extra_repr(self) -> str:
        return self.kind


def _pool(row: rows.Pool) -> nn.Module:
    kind = nn.MaxPool2d if row.kind == "max" else nn.AvgPool2d
    return kind(row.size, row.stride, ceil_mode=row.ceil)


_BUILDERS: dict[type, Callable[[Any, tuple[int, ...], tuple[int, ...]], nn.Module]] = {
    rows.Conv: lambda row, shape, _: Convolution(shape[0], row),
    rows.PartialConv: lambda row, _, __: PartialConvolution(row),
    rows.LocalConv: lambda row, shape, out: LocalConvolution(shape[0], math.prod(out[1:]), row),
    rows.Linear: lambda row, shape, out: FlatLinear(math.prod(shape), out[0], row.groups),
    rows.Rbf: lambda _, __, out: RbfOutput(out[0]),
    rows.Subsample: lambda row, shape, _: Subsampling(shape[0], row),
    rows.Activation: lambda row, _, __: Activation(row.kind),
    rows.Lrn: lambda row, _, __: LocalResponseNorm(row),
    rows.SpatialNorm: lambda row, _, __: SpatialResponseNorm(row),
    rows.BatchNorm: lambda row, shape, _: nn.BatchNorm2d(shape[0], row.epsilon, row.momentum, row.affine),
    rows.Pool: lambda row, _, __: _pool(row),
    rows.Dropout: lambda row, _, __: Dropout(row.rate, inverted=row.inverted, name=row.name),
}
