"""Every form of picture that real folders hold, synthesized, with its exact pixels."""

import io

import numpy as np
import pytest
import simplejpeg
from picture_files import GRAY_JPEG, HALF, PICTURE, PIXELS, TWO, chunk, png, saved
from PIL import Image, ImageOps

from alexnet.data.decode import decode, encode_jpeg

RAMP = np.array([[0, 128, 129, 255, 257, 32767, 32896, 65407, 65535]], ">u2")
RAMP_8 = [0, 0, 1, 1, 1, 127, 128, 255, 255]
HIDDEN = Image.new("RGBA", (3, 2), (255, 0, 0, 0))
QUANTIZED = np.asarray(PICTURE.quantize().convert("RGB"))


@pytest.mark.parametrize(
    ("data", "pixels", "notes"),
    [
        pytest.param(saved(PICTURE, "PNG"), PIXELS, (), id="png"),
        pytest.param(saved(PICTURE, "BMP"), PIXELS, (), id="bmp"),
        pytest.param(saved(PICTURE, "PPM"), PIXELS, (), id="ppm"),
        pytest.param(saved(PICTURE, "TIFF"), PIXELS, (), id="tiff"),
        pytest.param(saved(PICTURE, "TIFF", compression="tiff_lzw"), PIXELS, (), id="tiff lzw"),
        pytest.param(saved(PICTURE, "WEBP", lossless=True), PIXELS, (), id="webp"),
        pytest.param(TWO, QUANTIZED, ("palette", "animated: first frame"), id="animated gif"),
        pytest.param(
            saved(PICTURE, "PNG", save_all=True, append_images=[PICTURE.rotate(90)]),
            PIXELS,
            ("animated: first frame",),
            id="animated png",
        ),
        pytest.param(saved(Image.new("L", (3, 2), 77), "PNG"), 77, ("grayscale",), id="gray"),
        pytest.param(png(3, 1, 1, 0, b"\0\xa0"), [255, 0, 255], ("1-bit",), id="1-bit"),
        pytest.param(
            png(9, 1, 16, 0, b"\0" + RAMP.tobytes()), RAMP_8, ("16-bit", "grayscale"), id="16-bit gray"
        ),
        pytest.param(
            png(3, 1, 16, 2, b"\0" + np.repeat(RAMP[0, [0, 6, 8]], 3).tobytes()),
            [0, 128, 255],
            ("16-bit",),
            id="16-bit color",
        ),
        pytest.param(
            saved(Image.fromarray(RAMP.astype(np.uint16)), "TIFF"),
            RAMP_8,
            ("16-bit", "grayscale"),
            id="16-bit tiff",
        ),
        pytest.param(b"P5 9 1 65535\n" + RAMP.tobytes(), RAMP_8, ("16-bit", "grayscale"), id="16-bit pgm"),
        pytest.param(saved(HALF, "PNG"), [[206, 244, 222]], ("alpha: on white",), id="alpha"),
        pytest.param(
            saved(HALF, "WEBP", lossless=True), [[206, 244, 222]], ("alpha: on white",), id="webp alpha"
        ),
        pytest.param(saved(HALF, "TIFF"), [[206, 244, 222]], ("alpha: on white",), id="tiff alpha"),
        pytest.param(saved(HIDDEN, "PNG"), 255, ("alpha: on white",), id="hidden color"),
        pytest.param(
            saved(Image.new("LA", (3, 2), (100, 51)), "PNG"),
            224,
            ("grayscale", "alpha: on white"),
            id="gray alpha",
        ),
        pytest.param(
            png(
                2, 1, 8, 3, b"\0\0\1", chunk(b"PLTE", bytes([9, 8, 7, 255, 0, 0])) + chunk(b"tRNS", b"\xff\x33")
            ),
            [[9, 8, 7], [255, 204, 204]],
            ("palette", "alpha: on white"),
            id="palette alpha",
        ),
        pytest.param(
            png(2, 1, 8, 2, b"\0\1\2\3\1\2\4", chunk(b"tRNS", b"\0\1\0\2\0\3")),
            [[255, 255, 255], [1, 2, 4]],
            ("alpha: on white",),
            id="color key",
        ),
        pytest.param(
            saved(Image.new("CMYK", (3, 2), (0, 255, 0, 51)), "TIFF"), [[204, 0, 204]], ("cmyk",), id="cmyk"
        ),
    ],
)
def test_a_form_is_read_as_its_exact_pixels(data, pixels, notes):
    decoded = decode(data)
    expected = np.asarray(pixels, np.uint8)
    expected = expected[:, None] if expected.ndim == 1 else expected
    np.testing.assert_array_equal(decoded.pixels, np.broadcast_to(expected, decoded.pixels.shape))
    assert decoded.notes == notes
    assert decoded.pixels.flags.c_contiguous and decoded.pixels.flags.writeable


@pytest.mark.parametrize("marker", [True, False])
@pytest.mark.parametrize(("transform", "color"), [(0, (216, 172, 49)), (2, (99, 0, 0))])
def test_four_component_jpegs_are_inverted_cmyk_or_ycck(marker, transform, color):
    """Of 245 195 55 225: as CMYK (1 - C)(1 - K); as YCCK red is 255 - (Y + 1.402 (Cr - 128)), times (1 - K)."""
    jpeg = saved(Image.new("CMYK", (24, 16), (10, 60, 200, 30)), "JPEG", quality=100)
    adobe = jpeg.index(b"Adobe")
    jpeg = jpeg[: adobe + 11] + bytes([transform]) + jpeg[adobe + 12 :]
    if not marker:
        jpeg = jpeg[: adobe - 4] + jpeg[adobe + 12 :]
        color = (216, 172, 49)
    decoded = decode(jpeg)
    assert np.unique(decoded.pixels.reshape(-1, 3), axis=0).tolist() == [list(color)]
    assert np.abs(decoded.pixels.astype(int) - simplejpeg.decode_jpeg(jpeg)).max() <= 2
    assert decoded.notes == ("cmyk",)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_only_when_asked(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(PICTURE, form, exif=exif)
    plain = Image.open(io.BytesIO(data))
    turned = np.asarray(ImageOps.exif_transpose(plain).convert("RGB"))
    decoded = decode(data)
    np.testing.assert_array_equal(decoded.pixels, turned)
    assert decoded.pixels.flags.c_contiguous
    assert decoded.notes == (("exif-rotated",) if orientation > 1 else ())
    np.testing.assert_array_equal(decode(data, exif_rotate=False).pixels, np.asarray(plain))


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    "data",
    [
        saved(NOISE, "JPEG", quality=30),
        GRAY_JPEG,
        saved(NOISE.convert("CMYK"), "JPEG"),
        saved(NOISE.convert("YCbCr"), "TIFF"),
        saved(NOISE.quantize(), "PNG"),
        saved(HALF, "PNG"),
    ],
)
def test_one_channel_is_the_luma_of_the_color_picture(data):
    color = decode(data).pixels
    np.testing.assert_array_equal(
        decode(data, channels=1).pixels[..., 0], np.asarray(Image.fromarray(color).convert("L"))
    )


def test_the_fast_path_equals_pillow_on_photographs(test_data):
    files = sorted((test_data / "imagenet-photos").glob("*.JPEG"))
    assert len(files) == 100
    for file in files:
        reference = np.asarray(Image.open(file).convert("RGB"))
        np.testing.assert_array_equal(decode(file.read_bytes(), exif_rotate=False).pixels, reference)


@pytest.mark.parametrize(("channels", "space"), [(3, ("YCbCr", "420")), (1, ("Gray", "Gray"))])
def test_encoded_pictures_come_back_close(channels, space):
    pixels = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (64, 48, channels))
    data = encode_jpeg(pixels)
    assert simplejpeg.decode_jpeg_header(data) == (64, 48, *space)
    assert np.abs(decode(data, channels=channels).pixels.astype(int) - pixels).max() <= 3
