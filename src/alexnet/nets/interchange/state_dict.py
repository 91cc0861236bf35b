"""Reads files of `torch.save` that hold tensors; nothing else in them is ever run."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from alexnet.core.errors import UsageError

_REMEDY = "save its state_dict() alone, or as safetensors"
_INSIDE = ("state_dict", "model_state_dict", "model")
"""Where training scripts keep the weights in a larger dictionary."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a `.pt` or `.pth` file; `module.` before every name is dropped.

    Raises:
        UsageError: the file cannot be read, or holds anything but tensors and plain values.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says in several lines what follows says in one
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UsageError("holds more than tensors, or is damaged", where=path, remedy=_REMEDY) from None
    except Exception as error:
        # Damaged archives fail in many ways; none of them is this program's mistake.
        what = f"cannot be read as tensors ({type(error).__name__})"
        raise UsageError(what, where=path, remedy=_REMEDY) from None
    for key in _INSIDE:
        if isinstance(stored, Mapping) and isinstance(stored.get(key), Mapping):
            stored = stored[key]
    if not isinstance(stored, Mapping) or not stored or not all(map(_plain, stored.items())):
        raise UsageError("is not a dictionary of named tensors", where=path, remedy=_REMEDY)
    prefix = "module." if all(name.startswith("module.") for name in stored) else ""
    return {name.removeprefix(prefix): tensor for name, tensor in stored.items()}


def _plain(item: tuple[object, object]) -> bool:
    """Say whether a name and a value are a string and a dense tensor in memory."""
    name, value = item
    return (
        isinstance(name, str)
        and isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not (value.is_quantized or value.is_nested)
    )
