"""Scans are counted where a JPEG may have more than one, and no JPEG with more passes for one without."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import GRAY_JPEG, JPEG, PROGRESSIVE, SCAN, saved
from PIL import Image

from alexnet.data.decode import DecodeError, decode
from alexnet.data.jpeg_header import count_scans, outline

ENTROPY = JPEG[SCAN:-2]
SEGMENT = b"\xff\xe1\x00\x04\xff\xda"
EXIF = b"\xff\xe1\x00\x08Exif\0\0"


def one_component_a_scan() -> bytes:
    """Return a sequential JPEG whose first scan holds one of its three components."""
    return JPEG[:SCAN] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + ENTROPY[14:] + b"\xff\xd9"


@pytest.mark.parametrize(
    ("data", "scans"),
    [
        pytest.param(JPEG, 1, id="sequential"),
        pytest.param(GRAY_JPEG, 1, id="gray"),
        pytest.param(saved(Image.new("CMYK", (9, 9)), "JPEG"), 1, id="four components"),
        pytest.param(JPEG + SEGMENT * 500, 1, id="markers after the picture"),
        pytest.param(JPEG[:2] + SEGMENT * 200 + JPEG[2:], 1, id="markers in metadata"),
        pytest.param(PROGRESSIVE, PROGRESSIVE.count(b"\xff\xda"), id="progressive"),
        pytest.param(one_component_a_scan() + b"\xff\xda", 2, id="component by component"),
        pytest.param(JPEG[:2] + b"\xff\xd0" + JPEG[2:] + b"\xff\xda", 2, id="unusual marker"),
        pytest.param(JPEG[:2] + b"\xff" + JPEG[2:] + b"\xff\xda", 2, id="fill byte"),
        pytest.param(JPEG[:2] + SEGMENT * 300 + JPEG[2:], 301, id="very many segments"),
        pytest.param(JPEG[:SCAN], 0, id="no scan"),
        pytest.param(b"\xff\xd8", 0, id="no header"),
    ],
)
def test_scans_are_counted_only_where_there_may_be_several(data, scans):
    assert outline(data).scans == scans


@pytest.mark.parametrize(
    ("data", "exif"),
    [
        pytest.param(JPEG, False, id="none"),
        pytest.param(JPEG[:2] + EXIF + JPEG[2:], True, id="in its segment"),
        pytest.param(JPEG[:2] + SEGMENT * 99 + EXIF + JPEG[2:], True, id="behind other segments"),
        pytest.param(JPEG[:2] + b"\xff" + EXIF + JPEG[2:], True, id="in a header that is not walked"),
        pytest.param(JPEG + EXIF, False, id="of another picture behind"),
    ],
)
def test_exif_is_looked_for_in_the_header_alone(data, exif):
    assert outline(data).exif == exif


@given(st.binary(max_size=40), st.integers(2, 300))
@settings(max_examples=300, deadline=None)
def test_a_progressive_jpeg_never_passes_for_one_scan(junk, place):
    """Whatever is put before its frame, either its scans are counted or it no longer decodes."""
    at = min(place, PROGRESSIVE.index(b"\xff\xc2"))
    data = PROGRESSIVE[:at] + junk + PROGRESSIVE[at:]
    if outline(data).scans == 1:
        with pytest.raises(DecodeError):
            decode(data)


def test_a_marker_without_a_length_does_not_lead_the_count_astray():
    """Read as a length, what follows the restart marker leads to the false header in the second comment."""
    false = b"\xff\xc0\x00\x08\x08\x00\x01\x00\x01\x03" + b"\xff\xda\x00\x0c\x03"
    first = b"\xff\xfe\x00\x10" + bytes(14)
    second = b"\xff\xfe\xff\xff" + bytes(0xFFFE - len(first) - 4) + false
    data = PROGRESSIVE[:2] + b"\xff\xd0" + first + second.ljust(0xFFFF + 2, b"\0") + PROGRESSIVE[2:]
    assert data[4 + 0xFFFE :].startswith(false)
    assert outline(data).scans == PROGRESSIVE.count(b"\xff\xda") + 1
    assert decode(data).pixels.shape == decode(PROGRESSIVE).pixels.shape


def test_a_second_scan_that_the_header_does_not_admit_is_still_counted():
    with pytest.raises(DecodeError, match="200 scans") as caught:
        decode(JPEG[:SCAN] + ENTROPY * 200 + b"\xff\xd9")
    assert caught.value.code == "too-large"


def test_trailing_bytes_like_scans_cost_no_picture():
    """Phones append a film to a photograph; one byte in 65,536 of it begins such a marker."""
    pixels = decode(JPEG + b"\xff\xda" * 1000).pixels
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(io.BytesIO(JPEG))))


def test_every_marker_is_counted():
    assert count_scans(b"\xff\xda\xff\xff\xda\xda\xff") == 2
    assert count_scans(b"") == count_scans(b"\xff") == 0
