"""The package with its compiled kernels, without them, and both in turn."""

import pytest
import torch

from alexnet.kernels import library
from alexnet.ops import native


@pytest.fixture
def kernels():
    """The compiled kernels; skips loudly where the package was built without."""
    if not native.available():
        pytest.skip("COMPILED KERNELS ABSENT: pip install -e . with a C compiler")


@pytest.fixture
def no_kernels(monkeypatch):
    """The package as it is without compiled code."""
    monkeypatch.setattr(library, "_library", lambda: None)


@pytest.fixture(params=["kernels", "no_kernels"])
def either_way(request):
    """Once with kernels, once without."""
    request.getfixturevalue(request.param)


@pytest.fixture
def threads():
    """Sets the number of torch's threads, which is as before after the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
