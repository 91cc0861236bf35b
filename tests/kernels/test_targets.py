"""Kernels compiled for other instruction sets than this processor chooses give the same results."""

import ctypes
import importlib.util
import platform
import shutil
import subprocess
import sys

import pytest
from compilers import SOURCES, flags
from kernel_work import WORK, assert_same

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


@pytest.mark.parametrize("work", WORK)
def test_every_instruction_set_gives_the_same_results(target, work, monkeypatch):
    chosen = WORK[work]()
    monkeypatch.setattr(library, "_library", lambda: target)
    assert_same(work, chosen, WORK[work]())
