"""What decodes pictures, and the small ones that mutants begin from: 24 pixels wide, in each form and mode."""

from __future__ import annotations

import io
from pathlib import Path

import mutate_pictures
import numpy as np
import simplejpeg
from fuzz_engine import MB, Target
from PIL import Image, ImageFile, TiffImagePlugin, WebPImagePlugin

from alexnet.data.decode import decode

MEMORY = 700 * MB
"""A picture may have 50 million pixels, with three copies of three or four bytes while colors are converted."""
_LOADERS = (
    (simplejpeg, "decode_jpeg"),
    (ImageFile.ImageFile, "load"),
    (WebPImagePlugin.WebPImageFile, "load"),
    (TiffImagePlugin.TiffImageFile, "load"),
)
_RNG = np.random.default_rng(0)
_SMOOTH = np.kron(_RNG.integers(0, 255, (4, 5, 3)), np.ones((6, 6, 1))).astype(np.uint8)[:20, :24]
_NOISE = _RNG.integers(0, 255, (9, 11, 3)).astype(np.uint8)
COLOR, SMALL = Image.fromarray(_SMOOTH), Image.fromarray(_NOISE)


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def _oriented() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def _alpha() -> Image.Image:
    return Image.merge("RGBA", (*COLOR.split(), Image.linear_gradient("L").resize(COLOR.size)))


def _deep() -> Image.Image:
    return Image.fromarray((np.arange(480, dtype=np.uint16) * 137).reshape(20, 24))


def _read(data: bytes, _: Path) -> None:
    decode(data)
    if len(data) % 4 == 0:
        decode(data, channels=1, exif_rotate=False)


def picture_targets() -> list[Target]:
    """Return a target for each form."""
    Image.init()
    gray, palette, bits = COLOR.convert("L"), COLOR.quantize(16), COLOR.convert("1")
    seeds = {
        "JPEG": [
            _saved(COLOR, "JPEG"),
            _saved(SMALL, "JPEG", quality=90, subsampling=0),
            _saved(COLOR, "JPEG", progressive=True),
            _saved(gray, "JPEG", exif=_oriented()),
            _saved(COLOR.convert("CMYK"), "JPEG"),
            _saved(COLOR, "JPEG", restart_marker_blocks=1, optimize=True),
        ],
        "PNG": [
            *(_saved(image, "PNG") for image in (COLOR, gray, palette, bits, _alpha(), _deep())),
            _saved(palette, "PNG", transparency=3),
            _saved(COLOR, "PNG", exif=_oriented()),
            _saved(palette, "PNG", save_all=True, append_images=[palette.rotate(90)]),
        ],
        "GIF": [
            _saved(palette, "GIF"),
            _saved(palette, "GIF", save_all=True, append_images=[palette.rotate(90)]),
            _saved(palette, "GIF", transparency=1, interlace=1),
        ],
        "WEBP": [
            _saved(COLOR, "WEBP"),
            _saved(_alpha(), "WEBP"),
            _saved(_alpha(), "WEBP", lossless=True),
            _saved(COLOR, "WEBP", save_all=True, append_images=[COLOR.rotate(90)]),
        ],
        "BMP": [_saved(image, "BMP") for image in (COLOR, gray, palette, bits, _alpha())],
        "TIFF": [
            *(_saved(image, "TIFF") for image in (COLOR, gray, palette, bits, _alpha(), _deep())),
            *(
                _saved(COLOR, "TIFF", compression=name)
                for name in ("tiff_lzw", "packbits", "tiff_adobe_deflate")
            ),
            _saved(bits, "TIFF", compression="group4"),
        ],
        "PPM": [_saved(image, "PPM") for image in (COLOR, gray, bits)],
    }
    return [
        Target(
            name=name,
            seeds=tuple(files),
            mutate=getattr(mutate_pictures, name.lower()),
            read=_read,
            body=_LOADERS,
            memory=MEMORY,
        )
        for name, files in seeds.items()
    ]


PICTURE_SHARES = {"JPEG": 30, "PNG": 25, "GIF": 12, "WEBP": 12, "BMP": 8, "TIFF": 10, "PPM": 3}
"""Parts of all mutants."""
