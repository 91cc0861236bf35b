"""What runs where, and that the package can be imported anywhere."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from alexnet.gpu import available as module
from alexnet.gpu.available import available, interpreted
from alexnet.gpu.stage import takes

MODULES = sorted(path.stem for path in Path(module.__file__).parent.glob("*.py") if path.stem != "__init__")


def test_without_triton_every_module_imports_and_nothing_is_available():
    lines = ["import sys", "sys.modules['triton'] = None"]
    lines += [f"import alexnet.gpu.{name}" for name in MODULES]
    lines += ["import torch", "from alexnet.gpu.available import available"]
    lines += ["assert not available(torch.device('cpu')) and not available(torch.device('cuda'))"]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="tensors lie on the device here")
def test_the_cpu_takes_part_in_the_interpreter_alone(kernels, monkeypatch):
    x = torch.zeros(1, 8, 4, 4).contiguous(memory_format=torch.channels_last)
    assert interpreted() and available(torch.device("cpu")) and takes(x)
    monkeypatch.delenv("TRITON_INTERPRET")
    assert not interpreted() and not available(torch.device("cpu")) and not takes(x)


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_old_devices_are_left_to_torch(kernels, monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert available(torch.device("cuda")) is expected
    monkeypatch.setattr(module, "_has_triton", lambda: False)
    assert not available(torch.device("cuda"))
