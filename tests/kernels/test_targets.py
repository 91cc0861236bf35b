"""Kernels compiled for other instruction sets than this processor chooses give the same results."""

import ctypes
import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
import zlib

import numpy as np
import pytest
import torch
from compilers import SOURCES, flags
from kernel_work import WORK, assert_same

from alexnet.data.pack.places import Places
from alexnet.kernels import library

X86 = platform.machine() in ("x86_64", "AMD64") and sys.platform.startswith("linux")
TARGETS = ["x86-64-v3", "x86-64-v2"] if X86 else ["native"]


@pytest.fixture(scope="module", params=TARGETS)
def target(request, tmp_path_factory):
    """The kernels for one instruction set, in place of those this processor chooses."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or importlib.util.find_spec("alexnet.kernels._library") is None:
        pytest.skip("no C compiler, or the package was built without one")
    built = tmp_path_factory.mktemp("kernels") / f"{request.param}.so"
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
    subprocess.run([*command, *SOURCES, "-lm"], check=True)
    loaded = ctypes.CDLL(str(built))
    loaded.alexnet_team.argtypes = library._library().alexnet_team.argtypes
    loaded.alexnet_team.restype = None
    return loaded


def summed():
    """Records of many lengths, whole and damaged; the sums are zlib's."""
    found = []
    for length in (5, 63, 64, 200, 4096):
        data = np.random.default_rng(length).integers(0, 256, 3 * length, np.uint8)
        sums = [
            zlib.crc32(record) ^ spoiled for record, spoiled in zip(data.reshape(3, -1), (0, 1, 0), strict=True)
        ]
        with tempfile.TemporaryFile() as file:
            file.write(data.tobytes())
            file.flush()
            places = Places(np.full(3, file.fileno(), np.int32), np.arange(3) * length)
            out = np.empty((3, length), np.uint8)
            found += [places.read(out, np.array(sums, np.uint32), np.zeros(3, bool)), out]
        assert found[-2].tolist() == [True, False, True]
    return [torch.from_numpy(array) for array in found]


ALL_WORK = WORK | {"records": summed}
"""Files are read by this system only, not in an emulator."""


@pytest.mark.parametrize("work", ALL_WORK)
def test_every_instruction_set_gives_the_same_results(target, work, monkeypatch):
    chosen = ALL_WORK[work]()
    monkeypatch.setattr(library, "_library", lambda: target)
    assert_same(work, chosen, ALL_WORK[work]())
