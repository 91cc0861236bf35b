"""One picture of a source, decoded and prepared as its pack wants it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet.core.errors import DataError
from alexnet.data.decode import DecodeError, decode
from alexnet.data.prepare import prepare
from alexnet.data.quarantine import OTHER_SIZE
from alexnet.data.source import Split

UNREADABLE = "unreadable"
"""Code of a failure of the source, not of the picture: it may be gone at the next attempt."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What is done to every picture before it is stored."""

    size: int | None
    """Side of the square it is scaled and cut to; None leaves it as it is."""
    filter: str
    min_side: int
    """Pictures with a shorter side than this are unusable."""
    channels: int
    exif_rotate: bool


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Pixels ready to be stored, and what was remarkable about their file."""

    pixels: np.ndarray
    """uint8 (H, W, C), contiguous."""
    notes: tuple[str, ...]
    """Kinds of notes of the decoder, without their details: "cmyk", "alpha"."""


def read_picture(split: Split, item: int, preparation: Preparation) -> Picture:
    """Return one prepared picture.

    Raises:
        DataError: it cannot be read, decoded or used; `error_code` names the kind of failure.
    """
    try:
        stored = split.read(item)
    except OSError as error:
        raise DecodeError(f"cannot be read: {error.strerror or error}", code=UNREADABLE) from None
    notes: tuple[str, ...] = ()
    if isinstance(stored, np.ndarray):
        pixels = _with_channels(stored, preparation.channels)
    else:
        decoded = decode(stored, channels=preparation.channels, exif_rotate=preparation.exif_rotate)
        pixels, notes = decoded.pixels, tuple(note.partition(":")[0] for note in decoded.notes)
    pixels = prepare(pixels, preparation.size, preparation.filter, min_side=preparation.min_side)
    return Picture(pixels=np.ascontiguousarray(pixels), notes=notes)


def require_shape(pixels: np.ndarray, shape: tuple[int, int, int]) -> None:
    """Refuse a picture that would not fit its pack, which only native size leaves possible."""
    if pixels.shape != shape:
        raise DecodeError(f"is {_by(pixels.shape)} and the pack holds {_by(shape)} pixels", code=OTHER_SIZE)


def error_code(error: DataError) -> str:
    """Return the short name of a picture's failure."""
    return getattr(error, "code", UNREADABLE)


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise DecodeError(
            f"is {pixels.dtype} of {pixels.ndim} dimensions, not uint8 (H, W, C)", code="not-pixels"
        )
    if pixels.shape[2] == channels:
        return pixels
    if pixels.shape[2] == 1:
        return np.repeat(pixels, channels, axis=2)
    raise DecodeError(f"has {pixels.shape[2]} channels and the pack {channels}", code="other-channels")


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
