"""The formats that a run can be exported to, by name and by a file's ending. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alexnet.core.errors import UsageError
from alexnet.core.names import nearest


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    name: str
    endings: tuple[str, ...]
    says: str


FORMATS = {
    found.name: found
    for found in (
        Format("onnx", (".onnx",), "ONNX, for ONNX Runtime, OpenVINO, browsers and phones"),
        Format("pt2", (".pt2",), "torch.export, for torch without this program"),
        Format("safetensors", ("",), "a folder in the layout of model hubs"),
        Format("torchvision", (".pth", ".pt"), "weights that torchvision's alexnet loads"),
    )
}


def format_of(name: str | None, out: Path) -> Format:
    """Return the format that is asked for by name, or by the output's ending.

    Raises:
        UsageError: there is none of this name, or the ending says none.
    """
    if name is not None:
        if name not in FORMATS:
            raise UsageError(f"there is no format {name!r}", remedy=nearest(name, FORMATS))
        return FORMATS[name]
    for found in FORMATS.values():
        if out.suffix in found.endings:
            return found
    raise UsageError(
        f"{out.suffix!r} does not say which format is meant",
        where=out,
        remedy=f"use --format, one of {', '.join(FORMATS)}",
    )
