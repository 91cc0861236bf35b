"""The bytes of a shard, declared once: header | records | index | names | footer (`docs/pack-format.md`).

Everything is little-endian. Header and footer end with a CRC-32 of what precedes it in them, the index and the
names share one in the footer, and each record has its own in the index. The footer comes last, so that a cut
file is recognized by its missing tail. Nothing is allocated from a count before the file's size confirms it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from alexnet.core.errors import DataError

VERSION = 1
MAGIC = b"\x89AXP\r\n\x1a\n"
END_MAGIC = b"\x89AXE\r\n\x1a\n"
ENCODINGS = ("raw", "jpeg")
"""How a record holds its picture: uint8 (H, W, C), or a JPEG file of that size."""
MAX_SIDE = 65_500
CHANNELS = (1, 3)
RESTORE = "restore the file from a copy, or pack the source again"

HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u2"),
        ("encoding", "u1"),  # index into ENCODINGS
        ("channels", "u1"),
        ("height", "<u4"),
        ("width", "<u4"),
        ("features", "<u4"),  # bits that a reader must know; none is defined yet
        ("number", "<u4"),  # of the shard in its split
        ("split", "S16"),  # ASCII, padded with zeros
        ("first", "<u8"),  # the first source item this shard covers
        ("items", "<u4"),  # source items it covers, usable or not
        ("plan", "V32"),  # SHA-256 of the pack's plan
        ("padding", "V4004"),  # zeros, so that records start at a page
        ("crc32", "<u4"),  # of the 4092 bytes before
    ]
)
ENTRY = np.dtype(
    [
        ("offset", "<u8"),  # of the record in the file
        ("digest", "<u8"),  # BLAKE2b-64 of shape and prepared pixels, to find equal pictures
        ("item", "<u8"),  # number in the source's split
        ("length", "<u4"),  # of the record
        ("label", "<u4"),
        ("crc32", "<u4"),  # of the record
        ("name_length", "<u4"),  # of its name in the names, which follow each other without a gap
    ]
)
FOOTER = np.dtype(
    [
        ("index_offset", "<u8"),  # where records end and the index starts
        ("names_size", "<u8"),
        ("count", "<u4"),  # records
        ("index_crc32", "<u4"),  # of index and names
        ("header_crc32", "<u4"),  # repeated from the header
        ("magic", "S8"),
        ("crc32", "<u4"),  # of the 36 bytes before
    ]
)


@dataclass(frozen=True, kw_only=True)
class ShardHeader:
    """What a shard says of itself before its first record."""

    encoding: str
    shape: tuple[int, int, int]
    """(H, W, C)."""
    split: str
    number: int
    first: int
    items: int
    plan: str
    """SHA-256 in hexadecimal."""

    @property
    def picture_bytes(self) -> int:
        """H * W * C."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    def to_bytes(self) -> bytes:
        """Return the 4096 bytes of the header."""
        header = np.zeros((), HEADER)
        header["magic"], header["version"] = MAGIC, VERSION
        header["encoding"] = ENCODINGS.index(self.encoding)
        header["height"], header["width"], header["channels"] = self.shape
        header["split"], header["number"] = self.split.encode("ascii"), self.number
        header["first"], header["items"] = self.first, self.items
        header["plan"] = np.void(bytes.fromhex(self.plan))
        return _sealed(header)

    @classmethod
    def from_bytes(cls, data: bytes, where: object) -> ShardHeader:
        """Return the header in `data`.

        Raises:
            DataError: not a shard, damaged, of a newer format, or nonsense.
        """
        header = _unsealed(data, HEADER, MAGIC, "header", where)
        if header["version"] != VERSION or header["features"]:
            raise DataError(
                f"is a shard of format {header['version']} (features {header['features']:#x}); "
                f"this program reads format {VERSION}",
                where=where,
                remedy="read it with a newer release of alexnet",
            )
        shape = (int(header["height"]), int(header["width"]), int(header["channels"]))
        split = header["split"].decode("ascii", "replace")
        if header["encoding"] >= len(ENCODINGS) or not valid_shape(shape) or not valid_split(split):
            raise damaged("the header says what no packer writes", where)
        return cls(
            encoding=ENCODINGS[header["encoding"]],
            shape=shape,
            split=split,
            number=int(header["number"]),
            first=int(header["first"]),
            items=int(header["items"]),
            plan=header["plan"].tobytes().hex(),
        )


def valid_shape(shape: tuple[int, int, int]) -> bool:
    """Say whether pictures of (H, W, C) can be packed."""
    height, width, channels = shape
    return 1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and channels in CHANNELS


def valid_split(name: str) -> bool:
    """Say whether a split may have this name, which becomes a part of file names."""
    return name.isascii() and name.isalnum() and len(name) <= HEADER["split"].itemsize


def footer_bytes(entries: np.ndarray, names: bytes, index_offset: int, header: bytes) -> bytes:
    """Return the 40 bytes that end a shard."""
    footer = np.zeros((), FOOTER)
    footer["index_offset"], footer["names_size"], footer["count"] = index_offset, len(names), len(entries)
    footer["index_crc32"] = zlib.crc32(names, zlib.crc32(entries.tobytes()))
    footer["header_crc32"] = int.from_bytes(header[-4:], "little")
    footer["magic"] = END_MAGIC
    return _sealed(footer)


def parse_footer(data: bytes, size: int, header: bytes, where: object) -> np.void:
    """Return the FOOTER in `data`, having checked it against the file's size and header.

    Raises:
        DataError: the file is cut, damaged, or put together from two.
    """
    footer = _unsealed(data, FOOTER, END_MAGIC, "footer", where)
    parts = int(footer["index_offset"]), int(footer["count"]) * ENTRY.itemsize, int(footer["names_size"])
    if sum(parts) + FOOTER.itemsize != size or parts[0] < HEADER.itemsize:
        raise damaged(f"the footer describes a file of another size than its {size} bytes", where)
    if footer["header_crc32"] != int.from_bytes(header[-4:], "little"):
        raise damaged("header and footer belong to different files", where)
    return footer


def parse_index(data: bytes, header: ShardHeader, footer: np.void, where: object) -> tuple[np.ndarray, bytes]:
    """Return the ENTRY array (count,) and the names of an index of the size that the footer gave.

    Raises:
        DataError: damaged, or records that overlap, leave holes or cannot be of this shard.
    """
    if zlib.crc32(data) != footer["index_crc32"]:
        raise damaged("the index does not match its checksum", where)
    entries = np.frombuffer(data, ENTRY, int(footer["count"]))
    names = data[entries.nbytes :]
    lengths, items = entries["length"].astype(np.uint64), entries["item"]
    ends = HEADER.itemsize + np.cumsum(lengths)
    end = int(ends[-1]) if len(ends) else HEADER.itemsize
    faults = {
        "records overlap or leave a hole": end != footer["index_offset"]
        or (entries["offset"] != ends - lengths).any(),
        "a record has a wrong length": not lengths.all()
        or (header.encoding == "raw" and (lengths != header.picture_bytes).any()),
        "source items are out of order": (items[1:] <= items[:-1]).any(),
        "source items are not of this shard": len(items)
        and (items[0] < header.first or items[-1] >= header.first + header.items),
        "the names have a wrong length": int(entries["name_length"].sum(dtype=np.uint64)) != len(names),
    }
    for fault, present in faults.items():
        if present:
            raise damaged(fault, where)
    return entries, names


def damaged(fact: str, where: object) -> DataError:
    """Return the error of a file whose bytes are not what was written."""
    return DataError(f"is damaged: {fact}", where=where, remedy=RESTORE)


def _sealed(record: np.ndarray) -> bytes:
    body = record.tobytes()[:-4]
    return body + zlib.crc32(body).to_bytes(4, "little")


def _unsealed(data: bytes, kind: np.dtype, magic: bytes, part: str, where: object) -> np.void:
    if len(data) != kind.itemsize:
        raise damaged(f"the file is cut; its {part} is not there", where)
    record = np.frombuffer(data, kind)[0]
    if record["magic"] != magic:
        raise damaged(
            f"no {part} of a shard is where it should be; the file is cut or another kind of file", where
        )
    if zlib.crc32(data[:-4]) != record["crc32"]:
        raise damaged(f"the {part} does not match its checksum", where)
    return record
