"""Writes a run in another program's format, checked before it is there."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from alexnet.core.errors import UsageError
from alexnet.core.files import commit_bytes
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.export.check import Agreement, agreement
from alexnet.export.formats import Format
from alexnet.export.hub import write_hub_folder
from alexnet.export.onnx_file import onnx_runner, to_onnx
from alexnet.export.program import program_runner, to_program
from alexnet.nets.interchange.torchvision import to_torchvision
from alexnet.nets.network import Network
from alexnet.runs.predictor import Predictor


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    format: str
    bytes: int
    sha256: str | None
    """Of the file; a folder lists its files' own."""
    agreement: Agreement | None
    """None: the weights were copied, nothing is computed otherwise."""


def export(
    predictor: Predictor, kind: Format, out: Path, *, prepares: bool = True, images: np.ndarray | None = None
) -> Exported:
    """Write a trained network for other programs.

    Args:
        kind: From `formats.FORMATS`.
        out: File, or folder that does not exist.
        prepares: Whether the file takes prepared pictures (uint8) or the network's input; for `onnx` and `pt2`.
        images: Prepared pictures, uint8 (N, size, size, C), to check it on; by default drawn at random.

    Raises:
        UsageError: the run is a baseline, or the format has no such network.
        AlexNetError: the file does not compute what the run does; nothing is written.
        StorageError: it could not be written; nothing is left behind.
    """
    classifier = predictor.network
    if kind.name == "safetensors":
        size = write_hub_folder(predictor, out)
        return Exported(out, kind.name, size, None, None)
    if kind.name == "torchvision":
        data, found = _torchvision(classifier), None
    else:
        write, read = _COMPUTING[kind.name]
        data = write(classifier, prepares=prepares)
        found = agreement(read(data), classifier, images, prepares=prepares)
    commit_bytes(out, data)
    return Exported(out, kind.name, len(data), hashlib.sha256(data).hexdigest(), found)


def _torchvision(classifier: ViewClassifier) -> bytes:
    stream = io.BytesIO()
    if not isinstance(classifier.net, Network):
        raise UsageError(
            "a network of somebody's own is not torchvision's AlexNet", remedy="--format pt2 or onnx"
        )
    state = to_torchvision(classifier.net)
    torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, stream)
    return stream.getvalue()


Writer = Callable[..., bytes]
Reader = Callable[[bytes], Callable[[np.ndarray], np.ndarray]]
_COMPUTING: dict[str, tuple[Writer, Reader]] = {
    "onnx": (to_onnx, onnx_runner),
    "pt2": (to_program, program_runner),
}
