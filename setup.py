"""The optional compiled kernels; everything else is in pyproject.toml."""

import platform
import sys
from pathlib import Path

from setuptools import Extension, setup

KERNELS = Path("src/alexnet/kernels")
FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno"]
# For floating-point traps, which nobody sets, loops with a choice in them would not be vectorized without masks.
FLAGS.append("-fno-trapping-math")
if sys.platform == "win32":
    FLAGS = ["/O2", "/fp:precise"]
if sys.platform.startswith("linux") and platform.machine() == "x86_64":
    FLAGS.append("-mprefer-vector-width=512")

setup(
    ext_modules=[
        Extension(
            "alexnet.kernels._library",
            sorted(str(file) for file in KERNELS.glob("*.c")),
            depends=[str(file) for file in KERNELS.glob("*.h")],
            extra_compile_args=FLAGS,
            optional=True,
        )
    ]
)
