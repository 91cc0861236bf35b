"""Changes to archives, packs and files of weights whose check sums and lengths are computed anew, to get past them."""

from __future__ import annotations

import gzip
import json
import pickletools
import struct
import zlib
from random import Random

import numpy as np
from mutate_bytes import Mutate, fitted, havoc, number
from mutate_text import json_text

from alexnet.data.pack.format import ENTRY, FOOTER, HEADER

_NAMES = (
    b"../x",
    b"/x",
    b"a/../../x",
    b"x" * 100,
    b"\0",
    b"a\x1b[31m",
    b"\xff\xfe",
    b"A/1.PNG",
    b"a/1.png/",
    b"..",
    b"",
)
_TAR_KINDS = b"0123456789xgLKSVM\0A"
_TAR_FIELDS = (
    (0, 100),
    (100, 8),
    (108, 8),
    (116, 8),
    (124, 12),
    (136, 12),
    (148, 8),
    (156, 1),
    (157, 100),
    (257, 8),
    (345, 155),
)


def tar(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change headers, extensions or the order of a tar's members."""
    if rng.random() < 0.1:
        return havoc(rng, data, other)
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
    headers = [at for at, block in enumerate(blocks) if block[257:262] == b"ustar"]
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.randrange(10)
        at = rng.choice(headers) if headers else 0
        if kind == 0:
            del blocks[at : at + rng.randrange(1, 4)]
        elif kind == 1:
            blocks[at:at] = blocks[at : at + rng.randrange(1, 4)]
        elif kind == 2:
            blocks[at:at] = _extension(rng)
        elif kind == 3:
            blocks = blocks[: rng.randrange(1, len(blocks) + 1)]
        elif at < len(blocks):
            blocks[at] = _tar_header(rng, blocks[at])
        headers = [at for at in headers if at < len(blocks)]
        if not blocks:
            break
    return b"".join(blocks)


def _tar_header(rng: Random, block: bytes) -> bytes:
    out, (at, size) = bytearray(block.ljust(512, b"\0")), rng.choice(_TAR_FIELDS)
    if at in (0, 157, 345):
        new = rng.choice(_NAMES)
    elif at == 156:
        new = bytes((rng.choice(_TAR_KINDS),))
    else:
        value = number(rng, 512)
        base256 = b"\x80" + value.to_bytes(24, "big")[-(size - 1) :]
        new = rng.choice(
            (b"%0*o" % (size - 1, value), b"%o" % value, base256, b"-1", b"9" * size, b"", rng.randbytes(size))
        )
    out[at : at + size] = new[:size].ljust(size, b"\0")
    return _summed(rng, out)


def _summed(rng: Random, block: bytearray) -> bytes:
    if rng.random() < 0.97:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _extension(rng: Random) -> list[bytes]:
    """Return a pax or GNU record that says something of the member behind it."""
    if rng.random() < 0.6:
        key = rng.choice((b"path", b"size", b"GNU.sparse.map", b"hdrcharset", b"mtime", b"path"))
        value = rng.choice((*_NAMES, b"%d" % number(rng, 100), b"-1", b"9" * 30))
        record = b" " + key + b"=" + value + b"\n"
        length = len(record) + 1
        length += len(str(length + len(str(length)))) - 1
        body = b"%d" % rng.choice((length, length, length, number(rng, length))) + record
        kind = rng.choice((b"x", b"x", b"g"))
    else:
        body, kind = rng.choice(_NAMES) * rng.choice((1, 3, 50)) + b"\0", rng.choice((b"L", b"K"))
    block = bytearray(b"././@LongLink".ljust(124, b"\0") + b"%011o\0" % len(body)).ljust(512, b"\0")
    block[156:157], block[257:265] = kind, b"ustar\x0000"
    padded = body.ljust(-(-len(body) // 512) * 512, b"\0")
    return [_summed(rng, block), *(padded[at : at + 512] for at in range(0, len(padded), 512))]


def zipped(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change fields of a zip's local headers, of its directory or of its end, or its members' bytes."""
    if rng.random() < 0.25:
        return havoc(rng, data, other)
    out = bytearray(data)
    mark, forms = rng.choice(
        (
            (b"PK\3\4", {6: "<H", 8: "<H", 14: "<I", 18: "<I", 22: "<I", 26: "<H", 28: "<H"}),
            (
                b"PK\1\2",
                {
                    8: "<H",
                    10: "<H",
                    16: "<I",
                    20: "<I",
                    24: "<I",
                    28: "<H",
                    30: "<H",
                    32: "<H",
                    38: "<I",
                    42: "<I",
                },
            ),
            (
                b"PK\1\2",
                {
                    8: "<H",
                    10: "<H",
                    16: "<I",
                    20: "<I",
                    24: "<I",
                    28: "<H",
                    30: "<H",
                    32: "<H",
                    38: "<I",
                    42: "<I",
                },
            ),
            (b"PK\5\6", {8: "<H", 10: "<H", 12: "<I", 16: "<I", 20: "<H"}),
        )
    )
    starts = [at for at in range(len(data)) if data.startswith(mark, at)]
    if not starts:
        return havoc(rng, data, other)
    start = rng.choice(starts)
    if mark == b"PK\1\2" and rng.random() < 0.25:
        size = int.from_bytes(data[start + 28 : start + 30], "little")
        out[start + 46 : start + 46 + size] = (rng.choice(_NAMES) or b"x").ljust(size, b"_")[:size]
    else:
        at, form = rng.choice(list(forms.items()))
        old = int.from_bytes(data[start + at : start + at + struct.calcsize(form)], "little")
        value = rng.choice((number(rng, old), old + rng.choice((-1, 1, 8)), rng.choice((0, 8, 9, 12, 14, 99))))
        out[start + at : start + at + struct.calcsize(form)] = fitted(value, form)
    return bytes(out)


def compressed(mutate: Mutate) -> Mutate:
    """Return a mutator of gzip files that mostly changes what is inside."""

    def change(rng: Random, data: bytes, other: bytes) -> bytes:
        if rng.random() < 0.15:
            return havoc(rng, data, other)
        try:
            inside = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return havoc(rng, data, other)
        return gzip.compress(mutate(rng, inside, b""), 1, mtime=0)

    return change


def idx(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change the numbers of an idx header, or its values."""
    if rng.random() < 0.3:
        return havoc(rng, data, other, keep=4)
    dimensions = data[3] if len(data) > 3 else 0
    at = 4 + 4 * rng.randrange(max(1, min(dimensions, 6)))
    old = int.from_bytes(data[at : at + 4])
    if rng.random() < 0.2:
        return data[:2] + bytes((rng.choice((8, 9, 11, 12, 13, 14)), rng.randrange(6))) + data[4:]
    out = data[:at] + fitted(rng.choice((number(rng, old), old + 1, old - 1, 1)), ">I") + data[at + 4 :]
    if rng.random() < 0.5:  # as many values as the header now says, where that is few
        sides = struct.unpack(f">{dimensions}I", out[4 : 4 + 4 * dimensions].ljust(4 * dimensions, b"\0"))
        total = int(np.prod([float(side) for side in sides])) if all(sides) else 0
        if total < 1 << 14:
            out = out[: 4 + 4 * dimensions] + rng.randbytes(total)
    return out


def rows(stride: int) -> Mutate:
    """Return a mutator of files that are rows of one size."""

    def change(rng: Random, data: bytes, other: bytes) -> bytes:
        if rng.random() < 0.3:
            return havoc(rng, data, other)
        out, at = bytearray(data), stride * rng.randrange(max(1, len(data) // stride))
        out[at : at + 1] = bytes((rng.choice((0, 1, 9, 10, 19, 20, 99, 100, 255)),))
        return bytes(out) if rng.random() < 0.7 else bytes(out) + data[:stride] * rng.randrange(3)

    return change


def pickled(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change the opcodes of a pickle: one is replaced, repeated, removed or put elsewhere, or its argument changed."""
    try:
        starts = [position for _, _, position in pickletools.genops(data)]
    except Exception:
        return havoc(rng, data, other)
    ends = [*starts[1:], len(data)]
    parts = [data[start:end] for start, end in zip(starts, ends, strict=True)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        at, kind = rng.randrange(len(parts)), rng.randrange(7)
        if kind == 0 and len(parts) > 1:
            del parts[at]
        elif kind == 1:
            parts.insert(rng.randrange(len(parts)), parts[at])
        elif kind == 2:
            parts[at] = _opcode(rng)
        elif kind == 3:
            parts.insert(at, _opcode(rng))
        elif kind == 4:
            to = rng.randrange(len(parts))
            parts[at], parts[to] = parts[to], parts[at]
        else:
            parts[at] = parts[at][:1] + havoc(rng, parts[at][1:200]) + parts[at][200:]
    return b"".join(parts)


def _opcode(rng: Random) -> bytes:
    simple = b"(.0129NQR]abde}lots\x85\x86\x87\x88\x89\x8f\x90\x91\x93\x94\x97)"
    return rng.choice(
        (
            bytes((rng.choice(simple),)),
            b"K" + rng.randbytes(1),
            b"M" + rng.randbytes(2),
            b"J" + fitted(number(rng), "<i".upper()),
            b"h" + rng.randbytes(1),
            b"q" + rng.randbytes(1),
            b"j" + rng.randbytes(4),
            b"U\x04data",
            b"cnumpy\ndtype\n",
            b"cos\nsystem\n",
            b"T" + fitted(number(rng, 10), "<I"),
            b"\x8a\x04" + rng.randbytes(4),
            b"\x95" + fitted(number(rng, 100), "<Q"),
        )
    )


def shard(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change a shard's header, records, index, names or footer; its check sums are right again."""
    if rng.random() < 0.08 or len(data) < HEADER.itemsize + FOOTER.itemsize:
        return havoc(rng, data, other)
    start = struct.unpack_from("<Q", data, len(data) - FOOTER.itemsize)[0]
    if not HEADER.itemsize <= start <= len(data) - FOOTER.itemsize:
        return havoc(rng, data, other)
    header, records = bytearray(data[: HEADER.itemsize]), data[HEADER.itemsize : start]
    index, footer = data[start : -FOOTER.itemsize], bytearray(data[-FOOTER.itemsize :])
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.randrange(10)
        if kind == 0:
            _field(rng, header, HEADER)
        elif kind == 1:
            records = havoc(rng, records)
        elif kind == 2:
            index = havoc(rng, index)
        elif kind == 3:
            _field(rng, footer, FOOTER)
        elif kind < 6 and len(index) >= ENTRY.itemsize:
            index = _drop_or_double(rng, index)
        elif len(index) >= ENTRY.itemsize:
            at = ENTRY.itemsize * rng.randrange(min(len(index) // ENTRY.itemsize, 64))
            entry = bytearray(index[at : at + ENTRY.itemsize])
            _field(rng, entry, ENTRY)
            index = index[:at] + bytes(entry) + index[at + ENTRY.itemsize :]
    return _resealed(rng, header, records, index, footer)


def _drop_or_double(rng: Random, index: bytes) -> bytes:
    size, at = ENTRY.itemsize, ENTRY.itemsize * rng.randrange(max(1, min(len(index) // ENTRY.itemsize, 8)))
    return index[:at] + (index[at : at + size] * 2 if rng.random() < 0.5 else b"") + index[at + size :]


def _field(rng: Random, record: bytearray, kind: np.dtype) -> None:
    name = rng.choice([name for name in kind.names if name not in ("magic", "padding")])
    part, at = kind.fields[name][:2]
    if part.kind == "u":
        old = int.from_bytes(record[at : at + part.itemsize], "little")
        value = rng.choice((number(rng, old), old + 1, old - 1, rng.choice((0, 1, 3, 8))))
        record[at : at + part.itemsize] = (value % (1 << (8 * part.itemsize))).to_bytes(part.itemsize, "little")
    else:
        record[at : at + part.itemsize] = havoc(rng, bytes(record[at : at + part.itemsize])).ljust(64, b"\0")[
            : part.itemsize
        ]


def _resealed(rng: Random, header: bytearray, records: bytes, index: bytes, footer: bytearray) -> bytes:
    if rng.random() < 0.96:
        header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
        entries = np.frombuffer(index, ENTRY, len(index) // ENTRY.itemsize).copy()
        count = min(struct.unpack_from("<I", footer, 16)[0], len(entries))
        if rng.random() < 0.8:  # records that lie where the index says, and match their check sums
            entries, end = entries[:count], HEADER.itemsize
            for entry in entries:
                length = int(entry["length"]) if rng.random() < 0.97 else 0
                entry["offset"] = end
                piece = records[end - HEADER.itemsize : end - HEADER.itemsize + length]
                entry["crc32"] = zlib.crc32(piece)
                end += length
            index = entries.tobytes() + index[entries.nbytes :]
        struct.pack_into("<Q", footer, 0, HEADER.itemsize + len(records))
        if rng.random() < 0.7:
            struct.pack_into("<Q", footer, 8, max(0, len(index) - ENTRY.itemsize * count))
        struct.pack_into("<II", footer, 20, zlib.crc32(index), int.from_bytes(header[-4:], "little"))
        footer[-4:] = struct.pack("<I", zlib.crc32(footer[:-4]))
    return bytes(header) + records + index + bytes(footer)


def safetensors(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change the header of a safetensors file, whose length stays right, or its numbers."""
    size = int.from_bytes(data[:8], "little")
    if rng.random() < 0.1 or size > len(data) - 8:
        return havoc(rng, data, other)
    header, body = data[8 : 8 + size], data[8 + size :]
    if rng.random() < 0.15:
        body = havoc(rng, body)
    elif rng.random() < 0.5:
        header = _moved(rng, header)
    else:
        header = json_text(rng, header, b"")
    if rng.random() < 0.5:
        header += b" " * (-len(header) % 8)
    length = len(header) if rng.random() < 0.97 else number(rng, len(header))
    return fitted(length, "<Q") + header + body


def _moved(rng: Random, header: bytes) -> bytes:
    """Change one tensor's kind, shape or place."""
    try:
        tensors = json.loads(header)
        name = rng.choice([name for name in tensors if name != "__metadata__"])
        entry = tensors[name]
        kind = rng.randrange(5)
        if kind == 0:
            entry["dtype"] = rng.choice(
                ("F32", "F16", "BF16", "F64", "I64", "I8", "U8", "BOOL", "F8_E4M3", "C64", "F4", "X")
            )
        elif kind == 1:
            sides = entry["shape"]
            sides.insert(rng.randrange(len(sides) + 1), rng.choice((0, 1, 2, 2**32, 2**63)))
        elif kind == 2:
            at = rng.randrange(len(entry["shape"]))
            entry["shape"][at] = number(rng, entry["shape"][at])
        elif kind == 3:
            at = rng.randrange(2)
            entry["data_offsets"][at] = number(rng, entry["data_offsets"][at])
        else:
            tensors[rng.choice(("", "x" * 500, "conv1.weight", "\x1b[31m", "a.b.c"))] = tensors.pop(name)
        return json.dumps(tensors, separators=(",", ":")).encode()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return havoc(rng, header)


def wire(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change a Protocol Buffers message field by field; the lengths of the messages around it are right again."""
    if rng.random() < 0.1:
        return havoc(rng, data, other)
    return _message(rng, data, 3)


def _message(rng: Random, data: bytes, deep: int) -> bytes:
    fields = _fields(data)
    if not fields:
        return havoc(rng, data)
    at = rng.randrange(len(fields))
    number_, kind, payload = fields[at]
    action = rng.randrange(8)
    if action == 0:
        del fields[at]
    elif action == 1:
        fields.insert(rng.randrange(len(fields) + 1), fields[at])
    elif action == 2:
        fields[at] = rng.choice((1, 2, 4, 5, 6, 7, 8, 100, number_, 2**29 - 1)), kind, payload
    elif kind == 2 and deep and payload:
        fields[at] = (
            number_,
            kind,
            _message(rng, payload, deep - 1) if rng.random() < 0.8 else havoc(rng, payload),
        )
    elif kind == 0:
        fields[at] = number_, kind, _varint(number(rng))
    else:
        fields[at] = number_, kind, havoc(rng, payload)
    return b"".join(_varint(n << 3 | k) + (_varint(len(p)) if k == 2 else b"") + p for n, k, p in fields)


def _fields(data: bytes) -> list[tuple[int, int, bytes]]:
    """Return number, wire type and payload of the fields; nothing where the bytes are no message."""
    found, at = [], 0
    while at < len(data) and len(found) < 500:
        tag, at = _read_varint(data, at)
        if tag is None or tag & 7 not in (0, 1, 2, 5):
            return []
        if tag & 7 == 0:
            end = _read_varint(data, at)[1]
        elif tag & 7 == 2:
            size, at = _read_varint(data, at)
            end = at + (size if size is not None else 1 << 62)
        else:
            end = at + {1: 8, 5: 4}[tag & 7]
        if end > len(data):
            return []
        found.append((tag >> 3, tag & 7, data[at:end]))
        at = end
    return found


def _read_varint(data: bytes, at: int) -> tuple[int | None, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    return None, at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def parquet(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change the footer or the pages of a parquet file; its marks and the footer's length stay right."""
    size = int.from_bytes(data[-8:-4], "little")
    if rng.random() < 0.05 or size > len(data) - 12:
        return havoc(rng, data, other)
    pages, footer = data[4 : -8 - size], data[-8 - size : -8]
    if rng.random() < 0.5:
        pages = havoc(rng, pages)
    else:
        footer = havoc(rng, footer)
    return b"PAR1" + pages + footer + fitted(len(footer), "<I") + b"PAR1"
