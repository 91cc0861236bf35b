"""A strict tar reader that lists members without extracting anything.

Every header is checked: its checksum, its numbers, and that the bytes it claims are there. Understood are the
V7, ustar, GNU (long names, base-256 sizes) and pax (path, size) forms; anything else is refused rather than
guessed at. Format: IEEE Std 1003.1 (pax, ustar interchange format) and the GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from alexnet.core.errors import DataError
from alexnet.data.sources.members import Members, clean_name
from alexnet.data.sources.span import SpanFile
from alexnet.data.sources.tree import SpanTree

BLOCK = 512
_LONGEST_EXTENSION = 1 << 20
_REGULAR = b"\0" + b"07"
_WITHOUT_DATA = b"123456"
_KINDS = {b"1": "links", b"2": "links", b"3": "devices", b"4": "devices", b"6": "pipes"}


class Entry(NamedTuple):
    """One member: its name as stored, its type flag (`5` is a folder), and where its bytes are."""

    name: bytes
    kind: bytes
    offset: int
    size: int


def open_tar(file: SpanFile, path: Path) -> SpanTree:
    """Return the regular members of a tar archive as a tree.

    Args:
        file: The uncompressed archive.
        path: What messages call it.

    Raises:
        DataError: the archive is cut or damaged, or uses a form that is not understood.
    """
    members, ignored = Members(), Counter[str]()
    add_members(members, ignored, tar_entries(file, 0, file.size, path))
    tree = SpanTree(path, [file], members)
    tree.ignored = ignored
    return tree


def add_members(members: Members, ignored: Counter[str], entries: Iterator[Entry], folder: bytes = b"") -> None:
    """Append the regular files and folders among `entries`, with names under `folder`; count the others."""
    for entry in entries:
        name = clean_name(entry.name)
        if name is None:
            if entry.name.strip(b"./"):
                ignored["names that lead outside"] += 1
        elif entry.kind == b"5":
            members.add(folder + name.rstrip(b"/") + b"/", entry.offset, 0)
        elif entry.kind in _REGULAR:
            members.add(folder + name, entry.offset, entry.size)
        else:
            ignored[_KINDS.get(entry.kind, "other tar members")] += 1


def tar_entries(file: SpanFile, start: int, end: int, where: object) -> Iterator[Entry]:
    """Yield the members of the tar archive between two positions of a file, reading headers only.

    Raises:
        DataError: a checksum, number or size is wrong, a name is missing, or the end blocks are.
    """
    position, extension = start, _Extension()
    while True:
        block = _block(file, position, end, where)
        if not any(block):
            if any(_block(file, position + BLOCK, end, where)):
                raise DataError(f"the archive is damaged: an empty block at byte {position}", where=where)
            return
        _check_sum(block, position, where)
        kind, data = block[156:157], position + BLOCK
        size = (
            extension.size
            if extension.size is not None and kind not in b"xgLK"
            else _number(block[124:136], where)
        )
        if kind in _WITHOUT_DATA:
            size = 0
        if size > end - data:
            raise DataError(
                f"the archive is cut: a member claims {size} bytes at byte {data} and {end - data} remain",
                where=where,
            )
        position = data + -(-size // BLOCK) * BLOCK
        if kind in b"xgLK":
            extension.take(kind, file, data, size, where)
        elif kind == b"S":
            raise DataError("the archive holds a sparse file, which is not supported", where=where)
        else:
            name = extension.name or _name(block)
            if not name:
                raise DataError(
                    f"the archive is damaged: a member without a name at byte {data - BLOCK}", where=where
                )
            yield Entry(name, b"5" if kind == b"\0" and name.endswith(b"/") else kind, data, size)
            extension = _Extension()


def is_tar_header(block: bytes) -> bool:
    """Say whether 512 bytes are a tar header, by their checksum."""
    try:
        return len(block) == BLOCK and any(block) and _check_sum(block, 0, None) is None
    except DataError:
        return False


class _Extension:
    """What GNU and pax records say about the member that follows them."""

    def __init__(self) -> None:
        self.name: bytes | None = None
        self.size: int | None = None

    def take(self, kind: bytes, file: SpanFile, offset: int, size: int, where: object) -> None:
        if size > _LONGEST_EXTENSION:
            raise DataError(f"the archive has a name record of {size} bytes", where=where)
        if kind == b"K":
            return
        data = file.read(offset, size)
        if kind == b"L":
            self.name = data.partition(b"\0")[0]
            return
        records = _pax_records(data, where)
        if any(key.startswith(b"GNU.sparse") for key in records):
            raise DataError("the archive holds a sparse file, which is not supported", where=where)
        if kind == b"g":
            if records.keys() & {b"path", b"size"}:
                raise DataError("the archive gives one path or size to all its members", where=where)
            return
        self.name = records.get(b"path", self.name)
        if b"size" in records:
            self.size = _decimal(records[b"size"], where)


def _block(file: SpanFile, position: int, end: int, where: object) -> bytes:
    if position + BLOCK > end:
        raise DataError(f"the archive is cut: it ends at byte {end} without end blocks", where=where)
    return file.read(position, BLOCK)


def _check_sum(block: bytes, position: int, where: object) -> None:
    stored = _number(block[148:156], where)
    others = block[:148] + block[156:]
    total = sum(others) + 8 * ord(" ")
    # Early tars summed signed characters; both sums are in use.
    if stored != total and stored != total - 256 * sum(byte > 127 for byte in others):
        raise DataError(
            f"the archive is damaged: the header at byte {position} has a wrong checksum", where=where
        )


def _number(field: bytes, where: object) -> int:
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise DataError(f"the archive is damaged: {field!r} is not a number", where=where)
    return int(digits or b"0", 8)


def _decimal(field: bytes, where: object) -> int:
    if not field.isdigit() or len(field) > 18:
        raise DataError(f"the archive is damaged: {field[:40]!r} is not a size", where=where)
    return int(field)


def _name(block: bytes) -> bytes:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _pax_records(data: bytes, where: object) -> dict[bytes, bytes]:
    """Return a pax header's records: each is "<length> <key>=<value>\\n", the length counting all of it."""
    records, position = {}, 0
    while position < len(data):
        length = data[position : position + 8].partition(b" ")[0]
        end = position + (int(length) if length.isdigit() and len(length) < 8 else 0)
        key, equals, value = data[position + len(length) + 1 : end - 1].partition(b"=")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise DataError("the archive is damaged: a pax record is malformed", where=where)
        records[key] = value
        position = end
    return records
