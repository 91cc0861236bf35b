"""What the kernels are used for, as operations on fixed numbers, and when two results of one count as the same."""

import numpy as np
import torch

from alexnet.data.resize import resize_part
from alexnet.ops import run_conv, strided_conv
from alexnet.ops.fused import Norm, Pool, relu_lrn_pool
from alexnet.ops.linear import linear
from alexnet.ops.spatial_norm import spatial_response_norm
from alexnet.ops.trust import norm
from alexnet.optim.sgd import SGD
from alexnet.views.plan import ViewPlan
from alexnet.views.train_view import train_view


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def maps(*shape, dtype, seed=0):
    return draw(*shape, seed=seed).to(dtype).contiguous(memory_format=torch.channels_last)


def stage(dtype, norm, average=False):
    x = (maps(2, 40, 13, 11, dtype=dtype) * 20).requires_grad_()
    y = relu_lrn_pool(x, relu=True, norm=norm, pool=Pool(3, 2, average))
    y.backward(maps(*y.shape, dtype=dtype, seed=1))
    return y.detach(), x.grad


def update(dtype):
    weight = torch.nn.Parameter(draw(1000))
    weight.grad_dtype = dtype
    optimizer = SGD([weight], lr=0.1)
    for seed in range(2):
        weight.grad = draw(1000, seed=seed + 1).to(dtype)
        optimizer.step()
    return weight.detach(), optimizer.state[weight]["velocity"]


def few_rows():
    weight, bias = torch.nn.Parameter(draw(37, 530)), torch.nn.Parameter(draw(37))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        return (linear(draw(3, 530, seed=2), weight, bias),)


def blocks(narrow):
    return (strided_conv._space_to_depth(maps(2, 3, 19, 21, dtype=torch.float32), 4, 1, [5, 6], narrow),)


def runs(dtype):
    return (run_conv._pixel_runs(maps(2, 3, 19, 21, dtype=dtype), 5, 2),)


def within_maps(dtype):
    x = maps(2, 24, 9, 11, dtype=dtype).requires_grad_()
    y = spatial_response_norm(x, size=5, alpha=0.01)
    y.backward(maps(*y.shape, dtype=dtype, seed=1))
    return y.detach(), x.grad


def views(dtype):
    random = np.random.default_rng(0)
    plan = ViewPlan(
        top=random.integers(0, 12, 5, np.int32),
        left=random.integers(0, 9, 5, np.int32),
        mirror=np.array([0, 1, 1, 0, 1], np.uint8),
        gain=random.uniform(0.5, 1.5, 5).astype(np.float32),
        shift=random.normal(0, 30, (5, 3)).astype(np.float32),
        scale=random.uniform(0.5, 1.5, 5).astype(np.float32),
    )
    images = random.integers(0, 256, (5, 27, 31, 3), np.uint8)
    return (train_view(images, plan, random.uniform(0, 255, (20, 27, 3)).astype(np.float32), dtype, pad=2),)


def resized():
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    return (torch.from_numpy(resize_part(pixels, 24, (0, 61), (11, 72))),)


WORK = {
    "stage f32": lambda: stage(torch.float32, Norm(groups=2)),
    "stage bf16": lambda: stage(torch.bfloat16, Norm(groups=2)),
    "stage, window of 3": lambda: stage(torch.float32, Norm(size=3, alpha=0.01)),
    "pool": lambda: stage(torch.float32, None),
    "mean pool": lambda: stage(torch.bfloat16, None, average=True),
    "sgd f32": lambda: update(torch.float32),
    "sgd bf16": lambda: update(torch.bfloat16),
    "norm f32": lambda: (norm(draw(9000)),),
    "norm bf16": lambda: (norm(draw(9000).bfloat16()),),
    "matvec": few_rows,
    "blocks f32": lambda: blocks(narrow=False),
    "blocks bf16": lambda: blocks(narrow=True),
    "runs f32": lambda: runs(torch.float32),
    "runs bf16": lambda: runs(torch.bfloat16),
    "norm within maps f32": lambda: within_maps(torch.float32),
    "norm within maps bf16": lambda: within_maps(torch.bfloat16),
    "view f32": lambda: views(torch.float32),
    "view bf16": lambda: views(torch.bfloat16),
    "resize": resized,
}
CONTRACTED = "stage", "matvec"
"""Where the compiler may round a product and a sum once, which it does differently for each instruction set."""


def assert_same(work, results, others):
    """Compare the results of one of `WORK` by its name."""
    for a, b in zip(results, others, strict=True):
        if work.startswith(CONTRACTED):
            narrow = a.dtype == torch.bfloat16
            torch.testing.assert_close(b, a, rtol=2**-7 if narrow else 1e-5, atol=2**-6 if narrow else 1e-5)
        else:
            assert torch.equal(a, b)
