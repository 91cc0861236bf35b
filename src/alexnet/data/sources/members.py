"""A compact table of the files in a folder or an archive: a million of them in a few flat arrays."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np

PICTURE_ENDINGS = (b".jpg", b".jpeg", b".png", b".bmp", b".gif", b".webp", b".tif", b".tiff", b".ppm")
_SYSTEM_NAMES = frozenset({b"__macosx", b"thumbs.db", b"desktop.ini"})


class Members:
    """Names, positions and sizes of files. Names are bytes with `/` between parts, and labels, never paths.

    A name that ends in `/` is a folder; it is kept so that an empty class can be told from a missing one.
    """

    def __init__(self) -> None:
        self._names = bytearray()
        self._ends = array("q")
        self.offsets = array("q")
        self.sizes = array("q")

    def add(self, name: bytes, offset: int, size: int) -> None:
        """Append one file: its name, the position of its bytes in its container, and their count."""
        self._names += name
        self._ends.append(len(self._names))
        self.offsets.append(offset)
        self.sizes.append(size)

    def __len__(self) -> int:
        return len(self._ends)

    def raw(self, index: int) -> bytes:
        """Return a name as the bytes that the folder or archive holds."""
        return bytes(self._names[self._ends[index - 1] if index else 0 : self._ends[index]])

    def name(self, index: int) -> str:
        """Return a name as text; bytes that are not UTF-8 become lone surrogates."""
        return text_of(self.raw(index))

    def repeated(self, picks: Sequence[int]) -> str | None:
        """Return a name that two of the members in `picks` share, or None."""
        hashes = np.fromiter((hash(self.raw(i)) for i in picks), np.int64, len(picks))
        ordered = np.sort(hashes)
        if not (ordered[1:] == ordered[:-1]).any():
            return None
        seen: set[bytes] = set()
        for index in picks:
            if (raw := self.raw(index)) in seen:
                return text_of(raw)
            seen.add(raw)
        return None


def text_of(raw: bytes) -> str:
    """Return a name's bytes as text, losslessly."""
    return raw.decode("utf-8", "surrogateescape")


def clean_name(raw: bytes) -> bytes | None:
    """Return a member's name without empty and `.` parts; None when it is absolute or climbs with `..`."""
    if raw.startswith(b"/") or b"\0" in raw:
        return None
    parts = [part for part in raw.split(b"/") if part not in (b"", b".")]
    if not parts or b".." in parts:
        return None
    return b"/".join(parts) + (b"/" if raw.endswith(b"/") else b"")


def is_hidden(raw: bytes) -> bool:
    """Say whether a name is a hidden or system file: `.DS_Store`, `._x.jpg`, `Thumbs.db`, rsync's leftovers."""
    return any(part.startswith(b".") or part.lower() in _SYSTEM_NAMES for part in raw.split(b"/"))


def is_picture(raw: bytes) -> bool:
    """Say whether a name ends like a picture's. What it really is, the decoder finds out."""
    return raw.lower().endswith(PICTURE_ENDINGS)


def common_folder(names: Iterable[bytes]) -> bytes:
    """Return the longest folder, with its `/`, that all names begin with; empty when they share none."""
    low = high = None
    for name in names:
        low = name if low is None or name < low else low
        high = name if high is None or name > high else high
    if low is None or high is None:
        return b""
    length = next(
        (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return low[: low.rfind(b"/", 0, length) + 1]
