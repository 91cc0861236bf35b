"""From the encoded bytes of one picture to its pixels.

Ordinary JPEGs (gray, YCbCr or RGB, undamaged) are read by libjpeg-turbo through simplejpeg; everything else
is read by Pillow, whose pixels are the reference: on ordinary JPEGs the two are equal. The form is told by
content, never by a name, and the limits are checked before any pixel is computed. One verdict holds whichever
decoder runs: a file is refused if its picture data ends early, and accepted with a note if libjpeg meets
damage and goes on.

Conversions to 8-bit RGB: 16-bit gray is round(value / 257); 16-bit color keeps the high byte; alpha is
composited on white, the page that transparent pictures are drawn for; four-component JPEGs are inverted CMYK
with or without Adobe's marker, as browsers read them; color profiles are ignored; of several frames the first
is taken.
"""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import simplejpeg
from PIL import Image

from alexnet.core.errors import DataError
from alexnet.data.jpeg_header import count_scans, outline

MAX_BYTES, MAX_PIXELS = 100_000_000, 50_000_000
HARMLESS_PIXELS, MAX_GROWTH = 4_000_000, 1100
"""Beyond these, pixels a byte of the file: deflate gets to 1032 bytes a byte; what claims more is a bomb or lies."""
MAX_SCANS = 100
MAX_SCANNED_PIXELS = 500_000_000
"""Pixels times scans of one JPEG: each scan is a pass over the picture, and encoders write about ten."""
MAX_CHUNKS = 65_536
"""Chunks of one PNG; encoders write one for every 8 kB or more."""
BACKGROUND = (255, 255, 255)

_MAGIC = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"P4", "PPM"),
    (b"P5", "PPM"),
    (b"P6", "PPM"),
)
_PNG_PIXEL_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND"))
_MODES = {"1": "1-bit", "L": "grayscale", "LA": "grayscale", "P": "palette", "PA": "palette", "CMYK": "cmyk"}
_PLAIN_MODES = frozenset((*_MODES, "RGB", "RGBA", "RGBX", "YCbCr"))
_ORIENTATION = 0x0112
_WARNINGS = threading.Lock()  # `warnings.catch_warnings` swaps state that all threads share


class DecodeError(DataError):
    """Bytes that are not a usable picture.

    Attributes:
        code: The kind of fault, stable across versions. Decoding and preparing raise "empty", "not-an-image",
            "html", "lfs-pointer", "gzip", "truncated", "damaged", "too-large", "too-small" and
            "unsupported-mode".
    """

    def __init__(self, what: str, *, code: str = "damaged", where: object = None, remedy: str | None = None):
        super().__init__(what, where=where, remedy=remedy)
        self.code = code

    def __reduce__(self):
        return *super().__reduce__(), {"code": self.code}


@dataclass(frozen=True)
class Decoded:
    """One picture and how it was come by."""

    pixels: np.ndarray
    """uint8 (H, W, C), C-contiguous and writable."""
    form: str
    """What the content is: JPEG, PNG, WEBP, GIF, BMP, TIFF or PPM."""
    notes: tuple[str, ...]
    """What a report should count: "cmyk", "grayscale", "palette", "1-bit", "16-bit", "alpha: on white",
    "animated: first frame", "exif-rotated" and "warning: ..." with the decoder's own words."""


def decode(data: bytes, *, channels: int = 3, exif_rotate: bool = True) -> Decoded:
    """Decode one picture.

    Args:
        data: The whole file.
        channels: 3 for RGB, 1 for luma (ITU-R 601, Pillow's "L").
        exif_rotate: Whether to apply EXIF's orientation. Training on ILSVRC customarily does not. The
            orientation tag of a TIFF is part of that form and is always applied.

    Raises:
        DecodeError: `code` names the kind of fault.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3, not {channels}")
    form = _sniff(data)
    notes: list[str] = []
    header = outline(data) if form == "JPEG" else None
    pixels = _read_ordinary_jpeg(data, header.scans, channels, notes) if header else None
    if header is None or pixels is None:
        pixels, orientation = _read_with_pillow(data, form, channels, notes)
    else:
        orientation = _jpeg_orientation(data, notes) if exif_rotate and header.exif else 1
    if exif_rotate and orientation != 1:
        pixels = np.ascontiguousarray(_turn(pixels, orientation))
        notes.append("exif-rotated")
    return Decoded(pixels, form, tuple(dict.fromkeys(notes)))


def encode_jpeg(pixels: np.ndarray, quality: int = 95, *, subsampling: str = "420") -> bytes:
    """Encode uint8 (H, W, 3) or (H, W, 1) pixels as a baseline JPEG.

    The defaults are those of the 2014 preparation code (cuda-convnet2, make-data: OpenCV at quality 95), which
    halves chroma both ways. On photographs at 256x256 "444" costs 28 % more bytes for 25 % less mean error.
    """
    gray = pixels.shape[2] == 1
    return simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels),
        quality=quality,
        colorspace="GRAY" if gray else "RGB",
        colorsubsampling="Gray" if gray else subsampling,
    )


def _sniff(data: bytes) -> str:
    if not data:
        raise DecodeError("the file is empty", code="empty")
    if len(data) > MAX_BYTES:
        _too_large(f"holds {len(data):,} bytes, more than {MAX_BYTES:,}")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    for magic, form in _MAGIC:
        if data.startswith(magic):
            return form
    text = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if data.startswith(b"\x1f\x8b"):
        raise DecodeError("is gzip data, not a picture", code="gzip", remedy="unpack it with gunzip")
    if text.startswith(b"version https://git-lfs"):
        raise DecodeError("is a Git LFS pointer, not a picture", code="lfs-pointer", remedy="run git lfs pull")
    if text.startswith(b"<") and (b"<html" in text or b"<!doctype html" in text):
        raise DecodeError("is a web page, not a picture", code="html", remedy="download it again")
    raise DecodeError(f"is no picture of a known form; it begins with {data[:8].hex(' ')}", code="not-an-image")


def _read_ordinary_jpeg(data: bytes, scans: int, channels: int, notes: list[str]) -> np.ndarray | None:
    """Return the pixels, or None with a note where Pillow has to read the file; refuse what ends early."""
    _check_scans(scans)
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        _check_size(width, height, len(data))
        _check_scans(scans, width, height)
        gray = space == "Gray"
        pixels = simplejpeg.decode_jpeg(data, "GRAY" if gray and channels == 1 else "RGB")
    except ValueError as error:
        _check_scans(count_scans(data))
        if data.rfind(b"\xff\xd9") <= data.rfind(b"\xff\xda"):
            _truncated("it has no end-of-image marker")
        if "remature end" in str(error):
            _truncated(str(error))
        if "precision" in str(error):
            raise DecodeError(str(error), code="unsupported-mode") from None
        notes.append(f"warning: {error}")
        return None
    if space in ("CMYK", "YCCK"):
        return None
    if gray:
        notes.append("grayscale")
    return pixels if pixels.shape[2] == channels else _as_array(Image.fromarray(pixels), channels)


def _read_with_pillow(data: bytes, form: str, channels: int, notes: list[str]) -> tuple[np.ndarray, int]:
    if form == "PNG":
        data = _still_png(data, notes)
    if form == "WEBP" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        _truncated("its header promises more bytes")
    with _opened(data, form, notes) as image:
        if ";16" in str(image.tile):
            notes.append("16-bit")
        image.load()
        orientation = _orientation(image)
        pixels = _as_array(_flatten(image, notes), channels)
        if getattr(image, "is_animated", False):
            notes.append("animated: first frame")
    return pixels, orientation


@contextlib.contextmanager
def _opened(data: bytes, form: str, notes: list[str]) -> Iterator[Image.Image]:
    """Open a picture lazily; its warnings become notes, and whatever Pillow raises becomes a DecodeError."""
    with _WARNINGS, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with Image.open(io.BytesIO(data), formats=(form,)) as image:
                _check_size(*image.size, len(data))
                yield image
        except DecodeError:
            raise
        except Image.DecompressionBombError:
            _too_large(f"claims more than {MAX_PIXELS:,} pixels")
        except Image.UnidentifiedImageError:
            raise DecodeError(f"its {form} header cannot be read") from None
        except Exception as error:  # Pillow's parsers raise whatever they trip over
            if isinstance(error, EOFError | struct.error) or "truncated" in str(error).lower():
                _truncated(str(error))
            raise DecodeError(f"its {form} data cannot be read ({error})") from error
    notes.extend(f"warning: {' '.join(str(one.message).split())}" for one in caught)


def _flatten(image: Image.Image, notes: list[str]) -> Image.Image:
    """Return an 8-bit picture without alpha, in any mode that converts to RGB and L."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        notes += ["16-bit", "grayscale"]
        return Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode not in _PLAIN_MODES:
        raise DecodeError(f"its pixel values ({image.mode}) have no defined colors", code="unsupported-mode")
    if image.mode in _MODES:
        notes.append(_MODES[image.mode])
    if image.has_transparency_data:
        notes.append("alpha: on white")
        with_alpha = image.convert("RGBA")
        image = Image.new("RGB", image.size, BACKGROUND)
        image.paste(with_alpha, mask=with_alpha)
    return image


def _as_array(image: Image.Image, channels: int) -> np.ndarray:
    if image.mode not in ("1", "L"):
        image = image.convert("RGB")
    return np.array(image.convert("L" if channels == 1 else "RGB")).reshape(image.height, image.width, channels)


def _still_png(data: bytes, notes: list[str]) -> bytes:
    """Keep the chunks that make the still picture: text, profiles and animation never reach a decoder."""
    kept, start = [data[:8]], 8
    for _ in range(MAX_CHUNKS):
        name = data[start + 4 : start + 8]
        end = start + 12 + int.from_bytes(data[start : start + 4])
        if end > len(data):
            _truncated(f"a chunk ends at byte {end:,} of {len(data):,}")
        if name == b"acTL":
            notes.append("animated: first frame")
        if name in _PNG_PIXEL_CHUNKS:
            kept.append(data[start:end])
        if name == b"IEND":
            return b"".join(kept)
        start = end
    _too_large(f"has more than {MAX_CHUNKS:,} chunks")


def _jpeg_orientation(data: bytes, notes: list[str]) -> int:
    with contextlib.suppress(DecodeError), _opened(data, "JPEG", notes) as image:
        return _orientation(image)
    return 1


def _orientation(image: Image.Image) -> int:
    """Return EXIF's orientation, 1 to 8; anything unreadable counts as 1, for EXIF must not cost a picture."""
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # as for pixels: Pillow's parsers raise whatever they trip over
        return 1
    return value if value in range(2, 9) else 1


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation: 5 to 8 are stored with rows and columns exchanged."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    down = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    across = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return pixels[down, across]


def _check_size(width: int, height: int, size: int) -> None:
    if width * height > (most := min(MAX_PIXELS, max(HARMLESS_PIXELS, MAX_GROWTH * size))):
        _too_large(f"claims {width}x{height} pixels, more than the {most:,} that {size:,} bytes may hold")


def _check_scans(scans: int, width: int = 1, height: int = 1) -> None:
    if scans > MAX_SCANS:
        _too_large(f"has {scans:,} scans, more than {MAX_SCANS}")
    if width * height * scans > MAX_SCANNED_PIXELS:
        _too_large(f"has {scans} scans of {width}x{height} pixels")


def _too_large(what: str) -> NoReturn:
    raise DecodeError(what, code="too-large", remedy="make it smaller or leave it out")


def _truncated(detail: str) -> NoReturn:
    raise DecodeError(f"the file ends before its picture does ({detail})", code="truncated")
