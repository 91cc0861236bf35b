"""Runs layers in order on a GPU, in training: the modules of a network through the kernels of `gpu/`.

A sibling of `stages.py`, and like it no second definition of a network: what can run together is read off the modules
at each call. A convolution leaves its bias to the stage behind it. A grouped one runs as two on tensors of their own,
which the stages write and read without a copy. One over pictures with a stride runs over blocks of pixels. A fully
connected layer leaves bias, ReLU and dropout to one kernel. Whatever is hooked, replaced or of another kind runs as
itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from alexnet.core.keys import Key
from alexnet.gpu.available import available
from alexnet.gpu.dropout import keyed_dropout, relu_dropout
from alexnet.gpu.space_to_depth import block_weight, blocks_in_row, space_to_depth
from alexnet.gpu.stage import relu_lrn_pool_towers, takes
from alexnet.gpu.towers import conv_towers
from alexnet.nets.layers import Convolution, FlatLinear
from alexnet.nets.stages import Stage, is_hooked, is_relu, stage_at
from alexnet.ops.dropout import Dropout, dropout_draws

_MAX_BLOCK_CHANNELS = 64


class Blocks(NamedTuple):
    """How a network's first convolution reads its input: as `gpu.view.resident_views` writes it."""

    side: int
    """Pixels of a block's side: the convolution's stride."""
    margin: int
    """Zeros above and to the left."""
    count: int
    """Blocks in a row."""


@dataclass(frozen=True)
class Pass:
    """What a pass in training needs besides layers and pictures."""

    key: Key
    """Root of the dropout masks."""
    step: Tensor
    """int64 (1) on the device: where the masks are drawn, with each sample."""
    samples: Tensor
    """int64 (N) on the device."""
    working: Mapping[Tensor, Tensor] = field(default_factory=dict)
    """For a parameter, the leaf that computes in its place; see `working_weights`."""
    in_blocks: bool = False
    """Whether the input comes as `input_blocks` says."""

    def weight(self, parameter: Tensor) -> Tensor:
        """Return what computes in a parameter's place."""
        return self.working.get(parameter, parameter)


def working_weights(net: nn.Module, dtype: torch.dtype) -> dict[Tensor, Tensor]:
    """Return a leaf of `dtype` for the weights of each convolution and fully connected layer."""
    layers = (layer for layer in net.modules() if type(layer) in (Convolution, FlatLinear))
    return {layer.weight: layer.weight.detach().to(dtype).requires_grad_() for layer in layers}


def captures(net: nn.Sequential) -> bool:
    """Say whether the same calls serve every step: not where a hook wants to be called, or masks come from the host."""
    own = sum(type(layer) is Dropout for layer in net)
    drops = sum(isinstance(layer, Dropout) for layer in net.modules())
    return drops == own and not any(is_hooked(layer) for layer in net.modules())


def input_blocks(net: nn.Sequential, side: int) -> Blocks | None:
    """Return how the first layer reads pictures of `side` x `side` pixels, or None where it reads them as they are."""
    layer = next(iter(net))
    if not (_convolves(layer) and _reads_blocks(layer)):
        return None
    stride, pad = layer.stride[0], layer.padding[0]
    count = blocks_in_row(side + 2 * pad + layer.pad_after, layer.kernel_size[0], stride)
    return Blocks(stride, pad, count)


def run(layers: Sequence[nn.Module], x: Tensor, now: Pass) -> Tensor:
    """Return what the layers make of x in training, under the autocast of the caller.

    Args:
        x: float32 or bfloat16 (N, C, H, W), channels-last; or its blocks.
    """
    maps, position = [x], 0
    while position < len(layers):
        used, maps = _advance(layers, position, maps, now)
        position += used
    return _joined(maps)


def _advance(
    layers: Sequence[nn.Module], position: int, maps: list[Tensor], now: Pass
) -> tuple[int, list[Tensor]]:
    """Return how many layers ran together, and their maps: one tensor, or one for each of two towers."""
    layer = layers[position]
    if _convolves(layer) and available(maps[0].device):
        maps = _convolved(layer, maps, now, blocks=now.in_blocks and position == 0)
        used, maps = _staged(layers, position + 1, maps, layer.bias)
        return 1 + used, maps
    if _drops_behind_relu(layers, position) and available(maps[0].device):
        x = F.linear(_joined(maps).flatten(1), now.weight(layer.weight))
        drop = layers[position + 2]
        return 3, [relu_dropout(x, layer.bias, now.key.derive(drop.name), *_draws(now), **_rate(drop))]
    if _drops(layer) and available(maps[0].device):
        return 1, [keyed_dropout(_joined(maps), now.key.derive(layer.name), *_draws(now), **_rate(layer))]
    used, maps = _staged(layers, position, maps, None)
    return (used, maps) if used else (1, [_as_itself(layer, _joined(maps), now)])


def _convolves(layer: nn.Module) -> bool:
    return type(layer) is Convolution and layer.groups <= 2 and not is_hooked(layer)


def _reads_blocks(layer: Convolution) -> bool:
    return (
        layer.stride[0] > 1
        and layer.groups == 1
        and layer.in_channels * layer.stride[0] ** 2 <= _MAX_BLOCK_CHANNELS
    )


def _convolved(layer: Convolution, maps: list[Tensor], now: Pass, *, blocks: bool) -> list[Tensor]:
    """Return a convolution's sums without its bias, one tensor a group."""
    weight, stride, pad, after = now.weight(layer.weight), layer.stride[0], layer.padding[0], layer.pad_after
    if blocks or (_reads_blocks(layer) and not maps[0].requires_grad):
        (x,) = maps
        if not blocks:
            x = space_to_depth(F.pad(x, (pad, pad + after, pad, pad + after)), weight.shape[2], stride)
        found = [F.conv2d(x.to(weight.dtype), block_weight(weight, stride))]
    else:
        maps = maps if len(maps) == layer.groups else [_joined(maps)]
        maps = [F.pad(x, (0, after, 0, after)) if after else x for x in maps]
        maps = [x.to(weight.dtype) for x in maps]
        found = conv_towers(maps, weight, groups=layer.groups, stride=stride, padding=pad)
    return [y.contiguous(memory_format=torch.channels_last) for y in found]


def _staged(
    layers: Sequence[nn.Module], start: int, maps: list[Tensor], bias: Tensor | None
) -> tuple[int, list[Tensor]]:
    """Run the longest stage from `start` on that the kernels take, behind a convolution's bias."""
    stage = Stage()
    for limit in (3, 2, 1):
        wanted = stage_at(layers, start, limit)
        if wanted.layers and takes(maps[0], norm=wanted.norm, pool=wanted.pool):
            stage = wanted
            break
    if not stage.layers and bias is None:
        return 0, maps
    apart = stage.norm is None or stage.norm.groups == 2
    outputs = 2 if apart and _reads_towers(layers, start + stage.layers) else 1
    maps = maps if apart else [_joined(maps)]
    found = relu_lrn_pool_towers(maps, bias, relu=stage.relu, norm=stage.norm, pool=stage.pool, outputs=outputs)
    return stage.layers, found


def _reads_towers(layers: Sequence[nn.Module], position: int) -> bool:
    """Say whether the next layer wants its maps as two tensors."""
    following = layers[position] if position < len(layers) else None
    return _convolves(following) and following.groups == 2


def _drops(layer: nn.Module) -> bool:
    return type(layer) is Dropout and layer.training and not is_hooked(layer)


def _drops_behind_relu(layers: Sequence[nn.Module], position: int) -> bool:
    """Say whether a fully connected layer, ReLU and dropout follow each other here."""
    together = layers[position : position + 3]
    if len(together) < 3 or any(is_hooked(layer) for layer in together):
        return False
    full, relu, drop = together
    return (
        type(full) is FlatLinear
        and full.groups == 1
        and full.bias is not None
        and is_relu(relu)
        and _drops(drop)
    )


def _draws(now: Pass) -> tuple[Tensor, Tensor]:
    return now.step, now.samples


def _rate(layer: Dropout) -> dict[str, float | bool]:
    return {"rate": layer.rate, "inverted": layer.inverted}


def _as_itself(layer: nn.Module, x: Tensor, now: Pass) -> Tensor:
    """Call a layer, with working weights in its parameters' place.

    Dropout inside of it draws its masks on the host, which no graph can hold.
    """
    draws = contextlib.nullcontext()
    if layer.training and any(isinstance(part, Dropout) for part in layer.modules()):
        draws = dropout_draws(now.key, int(now.step), now.samples.cpu().numpy())
    own = {name: now.working[p] for name, p in layer.named_parameters() if p in now.working}
    with draws:
        return functional_call(layer, own, (x,)) if own else layer(x)


def _joined(maps: list[Tensor]) -> Tensor:
    return maps[0] if len(maps) == 1 else torch.cat(maps, 1)
