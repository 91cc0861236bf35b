"""Convolutions without gradients, on kernels that are brought into the convolution library's own order once (CPU).

`torch.nn.functional.conv2d` does that at every call, which for a single picture takes longer than the convolution. The
operators are those that torch's own compiler calls; where a torch has other ones, `takes` says so.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from alexnet.ops.copies import Derived, autocasts, bfloat16_copy

_MAX_SHAPES = 4
"""Input shapes whose kernels are kept: the library may order them by the number of pictures."""


def _has_operators() -> bool:
    return (
        torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    )


_AVAILABLE = _has_operators()
_NARROW = _AVAILABLE and torch.ops.mkldnn._is_mkldnn_bf16_supported()
_packed: Derived[dict[tuple, Tensor]] = Derived()


def takes(x: Tensor, weight: Tensor) -> bool:
    """Say whether this path computes it: on the CPU, channels-last, float32 or bfloat16 by autocast, no gradients."""
    if not _AVAILABLE or torch.is_grad_enabled() or torch.compiler.is_compiling() or not weight.is_leaf:
        return False
    if x.device.type != "cpu" or not x.is_contiguous(memory_format=torch.channels_last):
        return False
    if autocasts(x, weight):
        return x.dtype in (torch.float32, torch.bfloat16) and _NARROW
    return x.dtype == weight.dtype == torch.float32


def packed_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    pad: int = 0,
    stride: int = 1,
    groups: int = 1,
    form: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return `torch.nn.functional.conv2d` of x: the same bits where torch computes it in the same library.

    A ReLU that follows is not run with it, although the operator could: it would make 0 of what is not a number.

    Args:
        x: Maps (N, C, H, W) that `takes` accepts; bfloat16 under autocast already or narrowed here.
        weight: The layer's parameter.
        form: Makes the kernels of the parameter; by default they are the parameter. One function a parameter.
    """
    return bind(x, weight, bias, pad=pad, stride=stride, groups=groups, form=form)(x)


def bind(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    pad: int = 0,
    stride: int = 1,
    groups: int = 1,
    form: Callable[[Tensor], Tensor] | None = None,
) -> Callable[[Tensor], Tensor]:
    """Return `packed_conv2d` for maps like x, with the parameters as they are now."""
    narrow = autocasts(x, weight)
    dtype = torch.bfloat16 if narrow else x.dtype
    bias = bfloat16_copy(bias) if narrow and bias is not None else bias
    kept = _packed.of(weight, dict)
    shape = (*x.shape, dtype)
    if shape not in kept:
        while len(kept) >= _MAX_SHAPES:
            kept.pop(next(iter(kept)))
        kernels = form(weight) if form else weight
        kept[shape] = _pack(kernels.to(dtype), list(x.shape), pad, stride, groups)
    convolve = torch.ops.mkldnn._convolution_pointwise.default
    rest = kept[shape], bias, [pad, pad], [stride, stride], [1, 1], groups, "none", [], ""
    return lambda x: convolve(x.to(dtype), *rest)


def _pack(kernels: Tensor, shape: list[int], pad: int, stride: int, groups: int) -> Tensor:
    kernels = kernels.detach().contiguous(memory_format=torch.channels_last).to_mkldnn()
    return torch._C._nn.mkldnn_reorder_conv2d_weight(
        kernels, [pad, pad], [stride, stride], [1, 1], groups, shape
    )
