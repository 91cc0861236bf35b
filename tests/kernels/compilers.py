"""C compilers of this machine and for 64-bit Arm, as far as they are installed, and how setup.py calls them."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ROOT / "src" / "alexnet" / "kernels"
SOURCES = sorted(file for file in KERNELS.glob("*.c") if file.name != "module.c")
"""All but Python's own entry, which needs its headers."""
ARM = "aarch64"
COMPILERS = {
    "gcc": (("gcc",), platform.machine()),
    "clang": (("clang",), platform.machine()),
    "gcc for Arm": (("aarch64-linux-gnu-gcc",), ARM),
    "clang for Arm": (("clang", "--target=aarch64-linux-gnu"), ARM),
}
"""Commands, and the machines they compile for."""


def flags(machine: str = platform.machine()) -> list[str]:
    """Return the compiler's options as setup.py gives them to every file on such a machine."""
    namespace = {"setup": lambda **_: None, "Extension": lambda *_, **__: None}
    source = (ROOT / "setup.py").read_text(encoding="utf-8")
    source = source.replace("from setuptools import Extension, setup", "")
    with mock.patch("platform.machine", return_value=machine):
        exec(compile(source, "setup.py", "exec"), namespace)
    return namespace["FLAGS"]


def find_compiler(name: str) -> list[str]:
    """Return a compiler's command with its options, or skip the test where it cannot make a program here."""
    command, machine = COMPILERS[name]
    if machine == ARM and not sys.platform.startswith("linux"):
        pytest.skip("programs for Arm are made and emulated on Linux")
    if shutil.which(command[0]) is None or not _makes_programs(command):
        packages = "clang gcc-aarch64-linux-gnu" if "clang" in name else "gcc-aarch64-linux-gnu"
        remedy = f"apt-get install {packages} qemu-user-static" if machine == ARM else f"install {name}"
        pytest.skip(f"NO {name.upper()}: kernels not tried with it; {remedy}")
    return [*command, *flags(machine)]


def _makes_programs(command: tuple[str, ...]) -> bool:
    """Say whether a compiler comes with the headers and libraries that it needs."""
    program = "#include <math.h>\nint main(int count, char **names) { (void)names; return (int)sqrt(count); }"
    made = subprocess.run(
        [*command, "-static", "-x", "c", "-", "-o", "/dev/null", "-lm"],
        input=program,
        text=True,
        capture_output=True,
    )
    return made.returncode == 0
