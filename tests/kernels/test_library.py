"""The compiled library by itself: found or not, and a range shared among threads without loss or repetition."""

import platform
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.kernels import library

needs_kernels = pytest.mark.skipif(
    not library.available(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)


def add_one_to_each(count: int, parts: int) -> np.ndarray:
    """Subtract a gradient of -1 from zeros: an element that no part reaches stays 0, one reached twice becomes 2."""
    weight, velocity, gradient = (
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
        -np.ones(count, np.float32),
    )
    addresses = [a.ctypes.data for a in (weight, velocity, gradient)]
    library.run("alexnet_sgd_f32", count, [*addresses, 0, 1.0, 0.0, 0.0], parts=parts)
    return weight


@pytest.mark.parametrize("openmp", [True, False])
@needs_kernels
@given(count=st.integers(0, 1000), parts=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_parts_of_a_range_meet_and_cover_it(openmp, count, parts):
    with pytest.MonkeyPatch.context() as patch:
        if not openmp:
            patch.setattr(library, "_openmp", lambda: None)
        assert (add_one_to_each(count, parts) == 1).all()


@needs_kernels
def test_the_team_is_that_of_torch():
    """A second team would fight torch's, whose threads spin for milliseconds after each of its operations."""
    torch.ones(8)
    if not torch.backends.openmp.is_available() or "libgomp" not in Path("/proc/self/maps").read_text():
        pytest.skip("this torch does not use GNU's OpenMP")
    assert library._openmp.__wrapped__() is not None


@pytest.mark.parametrize(("value", "usable"), [("0", False), ("1", True)])
@needs_kernels
def test_an_environment_variable_switches_the_kernels_off(value, usable, monkeypatch):
    monkeypatch.setenv("ALEXNET_NATIVE", value)
    assert (library._library.__wrapped__() is not None) == usable


@needs_kernels
def test_a_missing_library_means_the_other_path(monkeypatch):
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: None)
    assert library._library.__wrapped__() is None


def test_the_instruction_set_is_the_processors():
    flags = Path("/proc/cpuinfo")
    if not flags.exists() or platform.machine() != "x86_64":
        pytest.skip("the processor's features are read from Linux on x86-64")
    words = set(flags.read_text().split())
    best = "AVX-512" if "avx512vl" in words else "AVX2" if "avx2" in words else "baseline x86-64"
    assert library.target() == (best if library.available() else None)
