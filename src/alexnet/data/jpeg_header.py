"""What the header of a JPEG tells before any pixel is computed: where it ends, and how many scans may follow."""

from __future__ import annotations

from typing import NamedTuple

MAX_SEGMENTS = 256
"""Of a header that is walked; a longer one is looked at byte by byte."""

_SCAN = b"\xff\xda"
_EXIF = b"Exif\0\0"
_EXIF_WITHIN = 65_536
_SEQUENTIAL = frozenset((b"\xff\xc0", b"\xff\xc1"))
_TABLES = frozenset(bytes((0xFF, code)) for code in (0xC4, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE))


class JpegHeader(NamedTuple):
    """The outline of one file."""

    scans: int
    """Passes over the picture that a decoder makes at most; 1 where the header admits no second."""
    exif: bool
    """Whether there may be EXIF data. Without it no orientation needs to be looked for."""


def outline(data: bytes) -> JpegHeader:
    """Return what is to be known before decoding, from the header alone where that is an ordinary one.

    A sequential JPEG is one scan if the first holds all its components: libjpeg refuses to go on to another.
    That takes a look at a dozen segments, where counting takes one at every byte.
    """
    end, whole = _first_scan(data)
    return JpegHeader(1 if whole else count_scans(data), data.find(_EXIF, 0, min(end, _EXIF_WITHIN)) >= 0)


def count_scans(data: bytes) -> int:
    """Return how many scan markers the bytes hold, those in thumbnails and trailing data among them."""
    return data.count(_SCAN)


def _first_scan(data: bytes) -> tuple[int, bool]:
    """Return where the first scan begins, and whether it holds all components of a sequential frame.

    Only segments of known kinds are passed (ITU-T T.81, B.2.2 and B.2.3); at any other the answer is the end of
    the file, and no.
    """
    at, components = 2, b""
    for _ in range(MAX_SEGMENTS):
        marker = data[at : at + 2]
        if marker == _SCAN:
            return at, data[at + 4 : at + 5] == components
        if marker in _SEQUENTIAL:
            components = data[at + 9 : at + 10]
        elif marker not in _TABLES:
            break
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return len(data), False
