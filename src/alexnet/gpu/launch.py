"""A call of a kernel on the device of its tensors."""

from __future__ import annotations

from typing import Any

import torch


def launch(kernel: Any, programs: int, device: torch.device, *arguments: Any, **constants: Any) -> None:
    """Run a kernel's programs on torch's current stream of a device.

    Args:
        kernel: Function under `triton.jit`.
        programs: Number of programs; with 0 nothing happens.
        arguments: Tensors (or tuples of them), numbers and None, as the kernel names them.
        constants: Its `tl.constexpr` parameters, and options such as `num_warps` or `enable_fp_fusion` (True unless
            given: products and sums in one instruction, which rounds once).
    """
    if not programs:
        return
    constants.setdefault("enable_fp_fusion", True)
    if device.type == "cuda":
        with torch.cuda.device(device):
            kernel[(programs,)](*arguments, **constants)
    else:
        kernel[(programs,)](*arguments, **constants)
