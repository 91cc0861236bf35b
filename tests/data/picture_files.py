"""Small encoded pictures that the tests of decoding share, and how to make more."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def saved(image: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png(width: int, height: int, depth: int, color: int, rows: bytes, extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def resized_header(jpeg: bytes, height: int, width: int) -> bytes:
    start = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:start] + struct.pack(">HH", height, width) + jpeg[start + 4 :]


def blocks(height: int = 29, width: int = 37) -> np.ndarray:
    values = np.arange(5 * 5 * 3, dtype=np.uint8).reshape(5, 5, 3) * 3
    return np.kron(values, np.ones((8, 8, 1), np.uint8))[:height, :width]


PIXELS = blocks()
PICTURE = Image.fromarray(PIXELS)
JPEG = saved(PICTURE, "JPEG")
SCAN = JPEG.index(b"\xff\xda")
GRAY_JPEG = saved(PICTURE.convert("L"), "JPEG")
PROGRESSIVE = saved(PICTURE, "JPEG", progressive=True)
EXTRANEOUS = JPEG[:-2] + b"\x12\x34\x56\x78\xff\xd9"
HALF = Image.new("RGBA", (3, 2), (10, 200, 90, 51))
TWO = saved(PICTURE.quantize(), "GIF", save_all=True, append_images=[PICTURE.rotate(90).quantize()])
