"""The most memory that was in use at once."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def begin(device: torch.device) -> None:
    """Count from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(OSError):
            _RESET.write_text("5")


def peak(device: torch.device) -> int | None:
    """Return bytes: of this process on a CPU, of tensors on a GPU; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError, ValueError, StopIteration):
        line = next(n for n in _STATUS.read_text().splitlines() if n.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    return None
