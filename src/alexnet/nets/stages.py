"""Runs layers in order; ReLU, local response normalization and pooling behind each other in one pass.

The modules stay what users see, replace and hook: which of them can run together is read off them at each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from alexnet.nets.layers import Activation, LocalResponseNorm
from alexnet.ops.fused import Norm, Pool, relu_lrn_pool, takes

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


_KINDS = nn.ReLU, Activation, LocalResponseNorm, nn.MaxPool2d, nn.AvgPool2d
"""Where a stage can begin."""


@dataclass
class Stage:
    """What can run in one pass from some layer on."""

    layers: int = 0
    relu: bool = False
    norm: Norm | None = None
    pool: Pool | None = None


def run(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Return what the layers make of x, one after the other."""
    position = 0
    while position < len(layers):
        stage = stage_at(layers, position) if isinstance(layers[position], _KINDS) else Stage()
        if (stage.norm or stage.pool) and takes(x, stage.norm, stage.pool):
            x = relu_lrn_pool(x, relu=stage.relu, norm=stage.norm, pool=stage.pool)
            position += stage.layers
        else:
            x = layers[position](x)
            position += 1
    return x


def is_hooked(layer: nn.Module) -> bool:
    """Say whether somebody listens to a layer, so that it has to run as itself."""
    return not is_plain(layer) or _has_any_global_hook()


def is_plain(layer: nn.Module) -> bool:
    """Say whether nobody listens to this layer or has given it another way to compute."""
    own = vars(layer)
    return "forward" not in own and not any(own[hooks] for hooks in _HOOKS)


def no_global_hooks() -> bool:
    """Say whether nobody listens to all modules."""
    return not _has_any_global_hook()


def stage_at(layers: Sequence[nn.Module], start: int, limit: int = 3) -> Stage:
    """Return the longest stage from `start` on: ReLU, normalization, pooling, each at most once and in this order.

    ReLU may also follow maximum pooling, with which it commutes.

    Args:
        limit: Layers at most.
    """
    stage = Stage()
    for layer in layers[start : start + limit]:
        if is_hooked(layer):
            break
        norm, pool = _norm(layer), _pool(layer)
        if (
            is_relu(layer)
            and not stage.relu
            and stage.norm is None
            and (stage.pool is None or not stage.pool.average)
        ):
            stage.relu = True
            stage.layers += 1
            if stage.pool:
                break
        elif norm and stage.norm is None and stage.pool is None:
            stage.norm = norm
            stage.layers += 1
        elif pool and stage.pool is None:
            stage.pool = pool
            stage.layers += 1
        else:
            break
    return stage


def is_relu(layer: nn.Module) -> bool:
    """Say whether a layer is a ReLU."""
    return type(layer) is nn.ReLU or (type(layer) is Activation and layer.kind == "relu")


def _norm(layer: nn.Module) -> Norm | None:
    if type(layer) is not LocalResponseNorm:
        return None
    row = layer.row
    return Norm(row.size, row.alpha, row.beta, row.k, row.groups)


def _pool(layer: nn.Module) -> Pool | None:
    average = type(layer) is nn.AvgPool2d
    if not average and type(layer) is not nn.MaxPool2d:
        return None
    numbers = (layer.kernel_size, layer.stride, layer.padding)
    plain = layer.divisor_override is None if average else layer.dilation == 1 and not layer.return_indices
    if not plain or not all(isinstance(n, int) for n in numbers) or layer.padding:
        return None
    return Pool(layer.kernel_size, layer.stride, average, layer.ceil_mode)
