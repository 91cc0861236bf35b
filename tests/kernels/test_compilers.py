"""The kernels as other compilers make them, for 64-bit Arm too: without a warning, and with the same results."""

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from compilers import ARM, COMPILERS, KERNELS, SOURCES, find_compiler
from kernel_process import KernelProcess
from kernel_work import WORK, assert_same

from alexnet.data.resize import resize_part
from alexnet.data.statistics import Sums
from alexnet.kernels import library
from alexnet.ops import native

STRICT = ["-Wall", "-Wextra", "-Wno-pass-failed"]
"""Old clangs cannot vectorize a window that moves along a row, and say so: slower there, not wrong."""


class Compiled(NamedTuple):
    name: str
    command: list[str]
    objects: list[Path]
    words: str


@pytest.fixture(scope="module", params=COMPILERS)
def compiled(request, tmp_path_factory):
    """The kernels as a compiler makes them, and what it said."""
    name, command = request.param, find_compiler(request.param)
    folder, headers = tmp_path_factory.mktemp("kernels"), Path(sysconfig.get_path("include"))
    files = list(SOURCES)
    if COMPILERS[name][1] != ARM and (headers / "Python.h").exists():
        files.append(KERNELS / "module.c")
    options = ["-c", "-DALEXNET_ONE_TARGET", f"-I{headers}"]
    done = subprocess.run([*command, *STRICT, *options, *files], cwd=folder, capture_output=True, text=True)
    return Compiled(name, command, [folder / f"{file.stem}.o" for file in SOURCES], done.stdout + done.stderr)


@pytest.fixture(scope="module")
def process(compiled):
    """The same in a process of their own, in an emulator where they are for Arm."""
    if not library.available():
        pytest.skip("COMPILED KERNELS ABSENT: nothing to compare with")
    emulator = []
    if COMPILERS[compiled.name][1] == ARM:
        emulator = [found for name in ("qemu-aarch64-static", "qemu-aarch64") if (found := shutil.which(name))][
            :1
        ]
        if not emulator:
            pytest.skip("NO EMULATOR: kernels for Arm compiled, not run; apt-get install qemu-user-static")
    return KernelProcess(compiled.command, compiled.objects, compiled.objects[0].with_name("program"), emulator)


def test_compilers_have_nothing_to_warn_of(compiled):
    assert compiled.words == ""
    assert all(file.exists() for file in compiled.objects)


@pytest.mark.parametrize("work", [work for work in WORK if work != "resize"])
def test_every_compiler_gives_the_same_results(process, work, monkeypatch):
    chosen, calls = WORK[work](), process.calls
    monkeypatch.setattr(native, "Call", process.call)
    assert_same(work, chosen, WORK[work]())
    assert process.calls > calls


def test_every_compiler_resizes_and_sums_alike(process):
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), np.uint8)
    strip, square = np.empty((61, 24, 3), np.uint8), np.empty((24, 24, 3), np.uint8)
    process.run("alexnet_resize_across", 61, pixels, 83 * 3, 83, 3, 11.0, 72.0, 24, strip)
    process.run("alexnet_resize_down", 24, strip, 61, 24 * 3, 0.0, 61.0, 24, square)
    assert (square == resize_part(pixels, 24, (0, 61), (11, 72))).all()
    sums, image, products = Sums(pixels.shape), np.zeros(pixels.shape, np.uint64), np.zeros((3, 3), np.int64)
    sums.add(pixels)
    process.run("alexnet_pixel_sums", 61 * 83, pixels, 3, image, products)
    assert (image == sums.image).all() and (np.triu(products) == np.triu(sums.products)).all()
