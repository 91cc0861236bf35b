"""Damaged, foreign and hostile files: each has its verdict, the same on every path and in little time."""

import io
import pickle
import struct
import time
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import (
    EXTRANEOUS,
    GRAY_JPEG,
    JPEG,
    PICTURE,
    PROGRESSIVE,
    SCAN,
    TWO,
    chunk,
    png,
    resized_header,
    saved,
)
from PIL import Image

from alexnet.data.decode import DecodeError, decode


def code_of(data: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(data)
    return caught.value.code


@pytest.mark.parametrize("jpeg", [JPEG, EXTRANEOUS], ids=["fast path", "pillow"])
def test_corrupt_exif_becomes_a_note_and_costs_no_pixels(jpeg):
    tag = struct.pack("<HHII", 0x010E, 2, 2_555_904, 200)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + tag + b"\0\0\0\0"
    decoded = decode(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    np.testing.assert_array_equal(decoded.pixels, decode(jpeg).pixels)
    assert decoded.notes[-1].startswith("warning: ") and "tag" in decoded.notes[-1].lower()


BAD_EXIF = b"Exif\0\0no tiff!"


@pytest.mark.parametrize(
    "data",
    [
        JPEG[:2] + b"\xff\xe1\x00\x10" + BAD_EXIF + JPEG[2:],
        EXTRANEOUS[:2] + b"\xff\xe1\x00\x10" + BAD_EXIF + EXTRANEOUS[2:],
        png(1, 1, 8, 2, b"\0abc", chunk(b"eXIf", BAD_EXIF)),
    ],
    ids=["fast path", "pillow", "png"],
)
def test_unreadable_exif_counts_as_none(data):
    np.testing.assert_array_equal(decode(data).pixels, decode(data, exif_rotate=False).pixels)


def test_exif_that_pillow_cannot_reach_costs_no_picture():
    """Pillow cannot open a JPEG whose Adobe marker is cut short, which libjpeg ignores."""
    data = JPEG[:2] + b"\xff\xe1\x00\x08Exif\0\0" + b"\xff\xee\x00\x07Adobe" + JPEG[2:]
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(data))
    np.testing.assert_array_equal(decode(data).pixels, decode(JPEG).pixels)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\xff", "not-an-image"),
        (b"hello", "not-an-image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not-an-image"),
        (b"\xff\xd8", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\n<!DOCTYPE HTML>\n<title>404</title>", "html"),
        (b"\xef\xbb\xbf<html>", "html"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "lfs-pointer"),
        (b"\x1f\x8b\x08\x00" + JPEG, "gzip"),
        (JPEG.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), "unsupported-mode"),
        (saved(Image.new("F", (3, 2), 0.5), "TIFF"), "unsupported-mode"),
        (saved(Image.new("I", (3, 2), 70_000), "TIFF"), "unsupported-mode"),
        (saved(Image.new("LAB", (3, 2)), "TIFF"), "unsupported-mode"),
        (saved(PICTURE, "PNG").replace(b"IDAT", b"IDAU", 1), "damaged"),
        (JPEG[: SCAN + 34] + b"\xff\xd9", "truncated"),
    ],
)
def test_an_unusable_file_is_refused_with_a_stable_code(data, code):
    assert code_of(data) == code


@pytest.mark.parametrize(
    "data", [JPEG, EXTRANEOUS, PROGRESSIVE, GRAY_JPEG, saved(PICTURE.convert("CMYK"), "JPEG")]
)
def test_a_jpeg_cut_anywhere_is_refused_on_every_path(data):
    verdicts = {code_of(data[:end]) for end in range(2, len(data))}
    assert verdicts == {"truncated"}


@pytest.mark.parametrize(
    ("form", "spare"), [("PNG", 0), ("WEBP", 0), ("PPM", 0), ("TIFF", 0), ("GIF", 2), ("BMP", 1)]
)
def test_other_forms_cut_anywhere_are_refused_unless_every_pixel_is_there(form, spare):
    """A GIF's trailer and the last row's padding in a BMP hold no pixels."""
    picture = PICTURE.quantize() if form == "GIF" else PICTURE
    data = saved(picture, form)
    codes = {code_of(data[:end]) for end in range(12, len(data) - spare)}
    assert codes == {"truncated"} if form in ("PNG", "WEBP") else codes <= {"truncated", "damaged"}
    for end in range(len(data) - spare, len(data)):
        np.testing.assert_array_equal(decode(data[:end]).pixels, decode(data).pixels)


@pytest.mark.parametrize(
    ("data", "noted"),
    [
        pytest.param(EXTRANEOUS, "extraneous bytes", id="extraneous bytes"),
        pytest.param(JPEG + b"trailing", None, id="trailing bytes"),
        pytest.param(JPEG[:SCAN] + b"\xff\xc4\x00\x02" + JPEG[SCAN:], None, id="empty table"),
    ],
)
def test_harmless_damage_leaves_the_pixels_as_they_are(data, noted):
    decoded = decode(data)
    np.testing.assert_array_equal(decoded.pixels, np.asarray(Image.open(io.BytesIO(JPEG))))
    assert [noted in note for note in decoded.notes] == ([True] if noted else [])


MAGIC = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0"]
BOMB_TEXT = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(20_000_000)))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(resized_header(JPEG, 13_000, 13_000), "too-large", id="13000x13000 jpeg"),
        pytest.param(resized_header(JPEG, 65_500, 65_500), "too-large", id="65500x65500 jpeg"),
        pytest.param(resized_header(JPEG, 7_000, 7_000), "too-large", id="7000x7000 jpeg in 1 kB"),
        pytest.param(resized_header(JPEG, 7_000, 7_000) + bytes(45_000), "truncated", id="7000x7000 jpeg"),
        pytest.param(
            resized_header(EXTRANEOUS, 7_000, 7_000) + bytes(45_000), "truncated", id="7000x7000 damaged jpeg"
        ),
        pytest.param(png(60_000, 60_000, 8, 2, b"\0abc"), "too-large", id="60000x60000 png"),
        pytest.param(png(8_000, 8_000, 8, 2, b"\0abc"), "too-large", id="8000x8000 png"),
        pytest.param(
            png(1, 1, 8, 2, b"\0abc", chunk(b"abcd", b"") * 70_000), "too-large", id="png of 70,000 chunks"
        ),
        pytest.param(
            PROGRESSIVE[:-2] + PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2] * 10_000 + b"\xff\xd9",
            "too-large",
            id="10,000 scans",
        ),
        pytest.param(TWO[:6] + b"\xff\xff\xff\xff" + TWO[10:], "too-large", id="65535x65535 gif"),
        pytest.param(JPEG + bytes(100_000_000), "too-large", id="100 MB"),
    ],
)
def test_a_bomb_is_refused_within_a_second(data, code):
    start = time.perf_counter()
    assert code_of(data) == code
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    "data",
    [png(1, 1, 8, 2, b"\0abc", BOMB_TEXT), png(1, 1, 8, 2, b"\0abc", BOMB_TEXT.replace(b"zTXt", b"iCCP")), TWO],
)
def test_text_profiles_and_later_frames_are_never_unpacked(data):
    start = time.perf_counter()
    decode(data + data[-60:] * 100_000 if data is TWO else data)
    assert time.perf_counter() - start < 1


def test_many_scans_of_a_large_picture_are_refused_by_their_product():
    large = saved(Image.new("L", (3_000, 3_000)), "JPEG", progressive=True)
    scan = large[large.rindex(b"\xff\xda") : -2]
    assert code_of(large[:-2] + scan * 80 + b"\xff\xd9") == "too-large"


@settings(deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(MAGIC),
)
def test_random_bytes_raise_nothing_but_decode_error(data, magic):
    _decode_or_refuse(magic + data)


@settings(deadline=None)
@given(
    st.sampled_from([JPEG, PROGRESSIVE, GRAY_JPEG, saved(PICTURE, "PNG"), TWO, saved(PICTURE, "WEBP")]),
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3), st.integers(0, 3)), max_size=5
    ),
)
def test_mutated_pictures_raise_nothing_but_decode_error(data, edits):
    for place, inserted, removed in edits:
        at = int(place * len(data))
        data = data[:at] + inserted + data[at + removed :]
    _decode_or_refuse(data)


def _decode_or_refuse(data: bytes) -> None:
    filters = list(warnings.filters)
    try:
        assert decode(data).pixels.dtype == np.uint8
    except DecodeError as error:
        assert error.code and "\n" not in str(error)
    assert warnings.filters == filters


def test_decode_error_keeps_its_code_between_processes():
    error = pickle.loads(pickle.dumps(DecodeError("is cut", code="truncated", where="a.jpg")))
    assert (error.code, str(error)) == ("truncated", "a.jpg: is cut")
