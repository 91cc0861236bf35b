"""Every kernel runs in Triton's interpreter here, on the CPU; on a machine with a CUDA device, compiled."""

from dataclasses import asdict

import pytest
import torch
import torch.nn.functional as F

from alexnet.gpu import geometry
from alexnet.nets import gpu_stages
from alexnet.ops.lrn import local_response_norm

_CUDA = torch.cuda.is_available()


@pytest.fixture
def device() -> torch.device:
    """Where the tensors lie."""
    return torch.device("cuda" if _CUDA else "cpu")


@pytest.fixture
def kernels(monkeypatch):
    """The kernels; on the CPU in Triton's interpreter, with what it lacks.

    It cuts off what it makes bfloat16; here it rounds, as a GPU does. Whenever one function calls another it prepares
    the language again, which takes most of the time; our own functions do without. Triton's own library, where it was
    imported before, has to be told to be interpreted too. And since a thread's rows are taken one after the other, but
    all positions at once, a thread gets one row. On a device, float32 means float32.
    """
    try:
        from triton.runtime import interpreter
        from triton.runtime.jit import JITFunction
    except ImportError:
        pytest.skip("TRITON ABSENT: pip install triton (Linux)")
    if _CUDA:
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
        return
    convert, call = interpreter._convert_float, interpreter.InterpretedFunction.__call__

    def rounded(values, source, target, mode):
        if (source.name, target.name) != ("fp32", "bf16"):
            return convert(values, source, target, mode)
        return torch.from_numpy(values.copy()).bfloat16().view(torch.uint16).numpy()

    def called(self, *args, **kwargs):
        own = self.fn.__module__.startswith("alexnet.")
        return self.rewrite()(*args, **kwargs) if own else call(self, *args, **kwargs)

    def library(self, *args, **kwargs):
        return interpreter.InterpretedFunction(self.fn)(*args, **kwargs)

    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(geometry, "_ROWS", 1)
    monkeypatch.setattr(interpreter, "_convert_float", rounded)
    monkeypatch.setattr(interpreter.InterpretedFunction, "__call__", called)
    monkeypatch.setattr(JITFunction, "__call__", library)


@pytest.fixture
def cuda() -> torch.device:
    """A CUDA device, for tests marked `gpu`."""
    if not _CUDA:
        pytest.skip("CUDA DEVICE ABSENT")
    return torch.device("cuda")


def _stage_in_torch(xs, bias, *, relu, norm, pool, outputs):
    """What the stage kernels compute; test_gpu_stage.py compares them."""
    x = torch.cat(xs, 1) if bias is None else torch.cat(xs, 1) + bias[:, None, None].to(xs[0].dtype)
    x = x.relu() if relu else x
    if norm:
        x = local_response_norm(x, **asdict(norm)).to(x.dtype)
    x = F.max_pool2d(x, pool.size, pool.stride, ceil_mode=pool.ceil) if pool else x
    return [part.contiguous(memory_format=torch.channels_last) for part in x.chunk(outputs, 1)]


@pytest.fixture
def stages(device, request, monkeypatch):
    """In the interpreter a step would take half a minute, nearly all of it in the stage kernels."""
    if device.type == "cpu" and "real_stages" not in request.fixturenames:
        monkeypatch.setattr(gpu_stages, "relu_lrn_pool_towers", _stage_in_torch)


@pytest.fixture
def real_stages():
    """Asks for the stage kernels themselves."""
