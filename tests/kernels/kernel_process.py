"""Kernels called in a process of their own, which another compiler made, perhaps for a processor that is emulated."""

import ctypes
import re
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from compilers import KERNELS, SOURCES

Memory = torch.Tensor | np.ndarray
_PLAIN, _MEMORY = range(2)


class KernelProcess:
    """A program around the kernels; `call` takes the place of `alexnet.ops.native.Call`.

    Args:
        compiler: Its command and options.
        objects: The kernels, compiled by it.
        program: The file to make.
        emulator: What runs the program; nothing where the processor is this one.
    """

    def __init__(
        self, compiler: Sequence[str], objects: Sequence[Path], program: Path, emulator: Sequence[str]
    ):
        names = re.findall(r"EXPORT KERNEL void (\w+)", "".join(f.read_text(encoding="utf-8") for f in SOURCES))
        entries = f"-DALL_KERNELS={' '.join(f'ENTRY({name})' for name in names)}"
        files = [Path(__file__).with_suffix(".c"), *objects]
        options = ["-static", entries, f"-I{KERNELS}", "-o", program]
        subprocess.run([*compiler, *options, *files, "-lm"], check=True)
        self._command = [*emulator, program]
        self.calls = 0

    def call(self, name: str, count: int, *arguments: Memory | float | None, scratch: int = 0):
        """Return what runs a kernel with the arrays that it is given in the places left open."""

        def run(*given: Memory) -> None:
            rest = iter(given)
            self.run(name, count, *(next(rest) if a is None else a for a in arguments), scratch=scratch)

        return run

    def run(self, name: str, count: int, *arguments: Memory | float, scratch: int = 0) -> None:
        """Run a kernel over range(count); arrays and tensors, dense in memory, are written in place."""
        if scratch:
            arguments = (*arguments, torch.empty(scratch))
        packed, memories = [], []
        for value in arguments:
            if isinstance(value, int | float):
                packed.append(struct.pack("qd" if isinstance(value, float) else "qq", _PLAIN, value))
            else:
                address, size = memory = _extent(value)
                packed += [struct.pack("qq", _MEMORY, size), ctypes.string_at(address, size)]
                memories.append(memory)
        head = struct.pack("64sqq", name.encode(), count, len(arguments))
        done = subprocess.run(self._command, input=head + b"".join(packed), stdout=subprocess.PIPE, check=True)
        start = 0
        for address, size in memories:
            ctypes.memmove(address, done.stdout[start : start + size], size)
            start += size
        assert start == len(done.stdout)
        self.calls += 1


def _extent(memory: Memory) -> tuple[int, int]:
    """Return where an array lies, and its bytes."""
    if isinstance(memory, np.ndarray):
        return memory.ctypes.data, memory.nbytes
    return memory.data_ptr(), memory.nbytes
