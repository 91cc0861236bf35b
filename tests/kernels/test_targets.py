"""Kernels compiled for other instruction sets than this processor chooses give the same results."""

import ctypes
import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.data.resize import resize_part
from alexnet.kernels import library
from alexnet.ops import strided_conv
from alexnet.ops.fused import Norm, Pool, relu_lrn_pool
from alexnet.ops.linear import linear
from alexnet.optim.sgd import SGD

ROOT = Path(__file__).resolve().parents[2]
X86 = platform.machine() in ("x86_64", "AMD64") and sys.platform.startswith("linux")
TARGETS = ["x86-64-v3", "x86-64-v2"] if X86 else ["native"]


def flags():
    """The compiler's options as setup.py gives them to every file."""
    namespace = {"setup": lambda **_: None, "Extension": lambda *_, **__: None}
    source = (
        (ROOT / "setup.py").read_text(encoding="utf-8").replace("from setuptools import Extension, setup", "")
    )
    exec(compile(source, "setup.py", "exec"), namespace)
    return namespace["FLAGS"]


@pytest.fixture(scope="module", params=TARGETS)
def target(request, tmp_path_factory):
    """The kernels for one instruction set, in place of those this processor chooses."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or importlib.util.find_spec("alexnet.kernels._library") is None:
        pytest.skip("no C compiler, or the package was built without one")
    built = tmp_path_factory.mktemp("kernels") / f"{request.param}.so"
    files = [f for f in (ROOT / "src/alexnet/kernels").glob("*.c") if f.name != "module.c"]
    command = [
        compiler,
        *flags(),
        "-shared",
        "-fPIC",
        "-DALEXNET_ONE_TARGET",
        f"-march={request.param}",
        "-o",
        built,
    ]
    subprocess.run([*command, *sorted(files), "-lm"], check=True)
    loaded = ctypes.CDLL(str(built))
    loaded.alexnet_team.argtypes = library._library().alexnet_team.argtypes
    loaded.alexnet_team.restype = None
    return loaded


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
    "matvec": few_rows,
    "blocks f32": lambda: blocks(narrow=False),
    "blocks bf16": lambda: blocks(narrow=True),
    "resize": resized,
}
CONTRACTED = "stage", "matvec"
"""Where the compiler may round a product and a sum once, which it does differently for each instruction set."""


@pytest.mark.parametrize("work", WORK)
def test_every_instruction_set_gives_the_same_results(target, work, monkeypatch):
    chosen = WORK[work]()
    monkeypatch.setattr(library, "_library", lambda: target)
    other = WORK[work]()
    for a, b in zip(chosen, other, strict=True):
        if work.startswith(CONTRACTED):
            narrow = a.dtype == torch.bfloat16
            torch.testing.assert_close(b, a, rtol=2**-7 if narrow else 1e-5, atol=2**-6 if narrow else 1e-5)
        else:
            assert torch.equal(a, b)
