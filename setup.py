"""The optional compiled kernels; everything else is in pyproject.toml."""

import sys

from setuptools import Extension, setup

FLAGS = ["/O2", "/fp:precise"] if sys.platform == "win32" else ["-O3", "-ffp-contract=off", "-fno-math-errno"]

setup(
    ext_modules=[
        Extension("alexnet.ops._native", ["src/alexnet/ops/native.c"], extra_compile_args=FLAGS, optional=True)
    ]
)
