"""What follows a convolution on the GPU, in one pass: bias, ReLU, local response normalization, max-pooling.

Stored for the backward pass are the convolution's output, which it reads and computes from again, and one byte a
pooled value: the place of the maximum. Finding the maxima again would take the arithmetic of a second forward pass
against that byte. Maps may come and leave as one tensor or as one for each of two towers, so that a grouped
convolution can run as two (`towers.py`) without a copy. How programs share the work follows a count of bytes and
instructions; their speed on a device has not been measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import torch
from torch import Tensor

from alexnet.gpu.available import available
from alexnet.gpu.geometry import Stage, backward_stage, forward_stage, tower_count
from alexnet.gpu.launch import launch
from alexnet.ops.fused import Norm, Pool

_DTYPES = torch.float32, torch.bfloat16
_NORM_SIZES, _MAX_POOL = (1, 3, 5), 15


def takes(x: Tensor, *, norm: Norm | None = None, pool: Pool | None = None) -> bool:
    """Say whether the kernels compute this.

    They do for channels-last float32 or bfloat16 maps, at most two towers, normalization over at most five maps, and
    maxima over windows inside the maps that overlap no more than their neighbors.
    """
    return (
        x.dim() == 4
        and x.dtype in _DTYPES
        and x.is_contiguous(memory_format=torch.channels_last)
        and available(x.device)
        and (norm is None or (norm.size in _NORM_SIZES and norm.groups <= 2 and norm.k > 0))
        and (pool is None or _takes_pool(x, pool))
    )


def _takes_pool(x: Tensor, pool: Pool) -> bool:
    largest = min(2 * pool.stride, _MAX_POOL, *x.shape[2:])
    return not pool.average and pool.stride <= pool.size <= largest


def relu_lrn_pool(
    x: Tensor,
    bias: Tensor | None = None,
    *,
    relu: bool = True,
    norm: Norm | None = None,
    pool: Pool | None = None,
) -> Tensor:
    """Return the pooled, normalized, rectified maps; what is None is left out.

    Args:
        x: A convolution's output before its bias (N, C, H, W), as `takes` accepts it.
        bias: (C,), any float dtype, added in float32.

    Returns:
        Tensor of x's dtype, channels-last. Values are rounded to x's dtype once, before the pooling; gradients of x and
        bias are computed in float32 and rounded at the end.
    """
    return relu_lrn_pool_towers([x], bias, relu=relu, norm=norm, pool=pool)[0]


def relu_lrn_pool_towers(
    xs: Sequence[Tensor],
    bias: Tensor | None = None,
    *,
    relu: bool = True,
    norm: Norm | None = None,
    pool: Pool | None = None,
    outputs: int = 1,
) -> list[Tensor]:
    """Do the same with all maps in one tensor or with one tensor for each of two towers, on either side.

    Args:
        xs: One tensor, or two of one shape whose maps follow each other.
        bias: Of all towers, (C,).
        norm: With two groups where there are two towers.
        outputs: 1 for all maps in one tensor, 2 for one tensor a tower.

    Raises:
        ValueError: `takes` refuses this, or the towers do not come out even.
    """
    if not all(takes(x, norm=norm, pool=pool) and x.shape == xs[0].shape for x in xs):
        raise ValueError("the kernels do not take this stage")
    towers, maps = tower_count(len(xs), outputs, norm), sum(x.shape[1] for x in xs)
    if towers > 2 or maps % towers or (norm and norm.groups < towers):
        raise ValueError(f"{maps} maps in {len(xs)} tensors, {outputs} outputs and {norm} do not go together")
    trains = torch.is_grad_enabled() and any(t.requires_grad for t in (*xs, bias) if t is not None)
    constants = [
        [float(value) for value in astuple(part)] for part in (norm or Norm(size=0), pool or Pool(1, 1))
    ]
    return _stage(list(xs), bias, relu, *constants, outputs, trains)[:outputs]


@torch.library.custom_op("alexnet::gpu_stage", mutates_args=())
def _stage(
    xs: Sequence[Tensor], bias: Tensor | None, relu: bool, norm: Sequence[float], pool: Sequence[float], outputs: int,
    trains: bool,
) -> list[Tensor]:  # fmt: skip
    from alexnet.gpu.kernels.stage_forward import forward

    stage = _forward_stage(xs, relu, norm, pool, outputs)
    found = _empty(xs, stage, outputs, trains)
    places = found[outputs] if len(found) > outputs else None
    arguments = _of_towers(xs, stage), _of_towers(found[:outputs], stage), places, bias
    launch(forward, _programs(xs, stage), xs[0].device, *arguments, stage)
    return found


@_stage.register_fake
def _(xs, bias, relu, norm, pool, outputs, trains):
    return _empty(xs, _forward_stage(xs, relu, norm, pool, outputs), outputs, trains)


@torch.library.custom_op("alexnet::gpu_stage_backward", mutates_args=())
def _stage_backward(
    grads: Sequence[Tensor], xs: Sequence[Tensor], bias: Tensor | None, places: Tensor | None, relu: bool,
    norm: Sequence[float], pool: Sequence[float],
) -> list[Tensor]:  # fmt: skip
    from alexnet.gpu.kernels.stage_backward import backward

    stage = backward_stage(_forward_stage(xs, relu, norm, pool, len(grads)))
    grads = [g.to(xs[0].dtype).contiguous(memory_format=torch.channels_last) for g in grads]
    found = [torch.empty_like(x) for x in xs]
    sums = None
    if bias is not None:
        sums = xs[0].new_empty((xs[0].shape[0], stage.strips, stage.columns, len(bias)), dtype=torch.float32)
    towers = (_of_towers(tensors, stage) for tensors in (grads, xs, found))
    launch(backward, _programs(xs, stage), xs[0].device, *towers, places, bias, sums, stage)
    return found if sums is None else [*found, sums.sum((0, 1, 2)).to(bias.dtype)]


@_stage_backward.register_fake
def _(grads, xs, bias, places, relu, norm, pool):
    return [torch.empty_like(t) for t in (*xs, bias) if t is not None]


def _save_for_backward(ctx, inputs, output) -> None:
    xs, bias, ctx.relu, ctx.norm, ctx.pool, ctx.outputs, _ = inputs
    ctx.inputs = len(xs)
    places = output[ctx.outputs] if len(output) > ctx.outputs else None
    ctx.save_for_backward(*xs, bias, places)


def _differentiate(ctx, grads):
    *xs, bias, places = ctx.saved_tensors
    grads = list(grads[: ctx.outputs])
    found = _stage_backward(grads, xs, bias, places, ctx.relu, ctx.norm, ctx.pool)
    return found[: ctx.inputs], None if bias is None else found[-1], None, None, None, None, None


_stage.register_autograd(_differentiate, setup_context=_save_for_backward)


def _forward_stage(
    xs: Sequence[Tensor], relu: bool, norm: Sequence[float], pool: Sequence[float], outputs: int
) -> Stage:
    named = Norm(int(norm[0]), *norm[1:4], int(norm[4])) if norm[0] else None
    return forward_stage(
        xs, outputs, relu, named, Pool(int(pool[0]), int(pool[1]), bool(pool[2]), bool(pool[3]))
    )


def _programs(xs: Sequence[Tensor], stage: Stage) -> int:
    return xs[0].shape[0] * stage.towers * stage.chunks


def _empty(xs: Sequence[Tensor], stage: Stage, outputs: int, trains: bool) -> list[Tensor]:
    """Return the outputs and, where there is a backward pass and a choice, the places of the maxima, all unwritten."""
    batch, sides = xs[0].shape[0], (stage.out_height, stage.out_width)
    shape = (batch, stage.towers * stage.channels // outputs, *sides)
    like = {"dtype": xs[0].dtype, "device": xs[0].device}
    found = [torch.empty(shape, **like, memory_format=torch.channels_last) for _ in range(outputs)]
    if trains and stage.size > 1:
        found.append(xs[0].new_empty((batch, stage.towers, *sides, stage.channels), dtype=torch.uint8))
    return found


def _of_towers(tensors: Sequence[Tensor], stage: Stage) -> tuple[Tensor, ...]:
    """Return one tensor a tower; of one that holds both, its halves."""
    return tuple(tensors[0].chunk(stage.towers, 1)) if len(tensors) < stage.towers else tuple(tensors)
