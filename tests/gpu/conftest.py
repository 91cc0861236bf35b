"""Every kernel runs in Triton's interpreter here, on the CPU; on a machine with a CUDA device, compiled."""

import pytest
import torch

from alexnet.gpu import geometry

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
    all positions at once, a thread gets one row.
    """
    try:
        from triton.runtime import interpreter
        from triton.runtime.jit import JITFunction
    except ImportError:
        pytest.skip("TRITON ABSENT: pip install triton (Linux)")
    if _CUDA:
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
