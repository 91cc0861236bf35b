"""Changes to pictures that keep their form alive: lengths, check sums and signatures stay right, unless one changes."""

from __future__ import annotations

import re
import struct
import zlib
from random import Random

from mutate_bytes import fitted, havoc, number

_SIDES = (0, 1, 2, 7, 8, 9, 16, 17, 31, 64, 255, 256, 1000, 4096, 16383, 65535)
_MARKERS = (*range(0xC0, 0xD0), *range(0xD0, 0xE0), 0xE0, 0xE1, 0xE2, 0xEE, 0xFE, 0x01, 0x00, 0xFF)


def jpeg(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change segments, tables, the frame's description or the scan of a JPEG."""
    if rng.random() < 0.15:
        return havoc(rng, data, other, keep=2)
    segments, scan = _segments(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        if not segments or rng.random() < 0.35:
            scan = _scan(rng, scan, other)
            continue
        at = rng.randrange(len(segments))
        marker, payload = segments[at]
        kind = rng.randrange(12)
        if kind == 0:
            del segments[at]
        elif kind == 1:
            segments.insert(rng.randrange(len(segments) + 1), segments[at])
        elif kind == 2:
            segments[at] = rng.choice(_MARKERS), payload
        elif kind == 3:
            theirs, _ = _segments(other)
            segments.insert(at, rng.choice(theirs or segments))
        elif kind < 6:
            segments[at] = marker, _frame(rng, payload) if 0xC0 <= marker <= 0xC2 else _huffman(rng, payload)
        else:
            segments[at] = marker, havoc(rng, payload)
    out = b"\xff\xd8" + b"".join(_segment(marker, payload) for marker, payload in segments) + scan
    if rng.random() < 0.05:
        out = _lying_length(rng, out)
    return out


def _segments(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return markers and payloads up to the first scan's header, that header included, and all that follows."""
    at, found = 2, []
    while at + 4 <= len(data) and data[at] == 0xFF and len(found) < 60:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        found.append((marker, data[at + 4 : at + 2 + length]))
        at += 2 + max(2, length)
        if marker == 0xDA:
            break
    return found, data[at:]


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", (len(payload) + 2) & 0xFFFF) + payload


def _frame(rng: Random, payload: bytes) -> bytes:
    frame = bytearray(payload.ljust(15, b"\0"))
    kind = rng.randrange(5)
    if kind == 0:
        frame[1:5] = struct.pack(">HH", rng.choice(_SIDES), rng.choice(_SIDES))
    elif kind == 1:
        frame[0] = rng.choice((0, 2, 8, 12, 16, 255))
    elif kind == 2:
        frame[5] = rng.choice((0, 1, 2, 3, 4, 5, 10, 255))
    else:
        component = 6 + 3 * rng.randrange(3)
        frame[component + rng.randrange(3)] = rng.choice(
            (0, 1, 0x11, 0x12, 0x21, 0x22, 0x41, 0x44, 0x81, 3, 255)
        )
    return bytes(frame)


def _huffman(rng: Random, payload: bytes) -> bytes:
    table = bytearray(payload or b"\0")
    at = rng.randrange(min(len(table), 17))
    table[at] = rng.choice((0, 1, 2, 3, 16, 17, 255, (table[at] + 1) & 255))
    return bytes(table)


def _scan(rng: Random, scan: bytes, other: bytes) -> bytes:
    kind, at = rng.randrange(5), rng.randrange(len(scan) + 1)
    if kind == 0:
        return scan[:at] + bytes((0xFF, rng.choice((0xD0, 0xD7, 0xD9, 0xDA, 0xC4, 0x00)))) + scan[at:]
    if kind == 1:
        return scan[:at] + rng.choice((b"", b"\xff\xd9"))
    return havoc(rng, scan, other)


def _lying_length(rng: Random, data: bytes) -> bytes:
    at = 2
    for _ in range(rng.randrange(6)):
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return data[: at + 2] + struct.pack(">H", rng.choice((0, 1, 2, 3, 17, 65535))) + data[at + 4 :]


def png(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change chunks of a PNG, its pixels behind the compression or its header; check sums are mostly right again."""
    if rng.random() < 0.1:
        return havoc(rng, data, other, keep=8)
    chunks = _chunks(data)
    for _ in range(rng.choice((1, 1, 2))):
        if not chunks:
            break
        at = rng.randrange(len(chunks))
        name, content = chunks[at]
        kind = rng.randrange(10)
        if kind == 0:
            del chunks[at]
        elif kind == 1:
            chunks.insert(rng.randrange(len(chunks) + 1), chunks[at])
        elif kind == 2:
            extra = rng.choice(
                (b"tRNS", b"PLTE", b"eXIf", b"acTL", b"fdAT", b"iCCP", b"zTXt", b"gAMA", b"IDAT")
            )
            chunks.insert(at, (extra, rng.randbytes(rng.choice((0, 1, 2, 3, 6, 30)))))
        elif name == b"IHDR":
            chunks[at] = name, _png_header(rng, content)
        elif name == b"IDAT":
            chunks[at] = name, _png_pixels(rng, content)
        else:
            chunks[at] = name, havoc(rng, content)
    wrong = rng.random() < 0.05
    return data[:8] + b"".join(_chunk(name, content, wrong) for name, content in chunks)


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    at, found = 8, []
    while at + 12 <= len(data) and len(found) < 40:
        size = int.from_bytes(data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def _chunk(name: bytes, content: bytes, wrong: bool) -> bytes:
    return (
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content) ^ wrong)
    )


def _png_header(rng: Random, content: bytes) -> bytes:
    header = bytearray(content.ljust(13, b"\0"))
    at = rng.randrange(7)
    if at < 2:
        header[4 * at : 4 * at + 4] = struct.pack(">I", rng.choice((*_SIDES, 2**31 - 1, 2**32 - 1)))
    else:
        header[6 + at] = rng.choice((0, 1, 2, 3, 4, 6, 7, 8, 16, 255))
    return bytes(header)


def _png_pixels(rng: Random, content: bytes) -> bytes:
    if rng.random() < 0.3:
        return havoc(rng, content)
    try:
        rows = zlib.decompressobj().decompress(content, 1 << 16)
    except zlib.error:
        return havoc(rng, content)
    return zlib.compress(havoc(rng, rows), 1)


def gif(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change a GIF's descriptors or its blocks."""
    if rng.random() < 0.4:
        out = bytearray(data)
        starts = [6, *(found.start() + 5 for found in re.finditer(rb"\x2c", data[13:]))]
        at = 13 * (starts[0] != 6) + rng.choice(starts)
        if at + 4 <= len(out):
            out[at : at + 4] = struct.pack("<HH", rng.choice(_SIDES), rng.choice(_SIDES))
        return bytes(out)
    return havoc(rng, data, other, keep=6)


def bmp(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change fields of a BMP's headers, its palette or its pixels."""
    if rng.random() < 0.5:
        out, at = bytearray(data), rng.choice((10, 14, 18, 22, 26, 28, 30, 34, 46, 50))
        form = "<H" if at in (26, 28) else "<I"
        old = int.from_bytes(out[at : at + 4], "little")
        value = rng.choice((*_SIDES, 2**31, 2**32 - rng.choice((1, 8, 16, 2**15)), old + 1))
        out[at : at + struct.calcsize(form)] = fitted(value, form)
        return bytes(out)
    return havoc(rng, data, other, keep=rng.choice((2, 14, 54)))


def tiff(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change entries of a TIFF's directory, or its data."""
    order = "<" if data[:2] == b"II" else ">"
    directory = struct.unpack_from(order + "I", data, 4)[0] if len(data) >= 8 else 0
    if rng.random() < 0.6 and 8 <= directory + 2 <= len(data):
        count = struct.unpack_from(order + "H", data, directory)[0]
        at = directory + 2 + 12 * rng.randrange(max(1, min(count, 40)))
        entry = bytearray(data[at : at + 12].ljust(12, b"\0"))
        field = rng.randrange(4)
        if field == 0:
            entry[:2] = fitted(
                rng.choice((254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 322, 338)),
                order + "H",
            )
        elif field == 1:
            entry[2:4] = fitted(rng.randrange(14), order + "H")
        elif field == 2:
            entry[4:8] = fitted(number(rng, 1), order + "I")
        else:
            entry[8:] = fitted(rng.choice((number(rng), rng.choice(_SIDES))), order + "I")
        return data[:at] + bytes(entry) + data[at + 12 :]
    return havoc(rng, data, other, keep=rng.choice((4, 8)))


def webp(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change the chunks of a WebP; the sizes around them are mostly right again."""
    chunks, at = [], 12
    while at + 8 <= len(data) and len(chunks) < 20:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    for _ in range(rng.choice((1, 1, 2))):
        if chunks:
            at = rng.randrange(len(chunks))
            name, content = chunks[at]
            kind = rng.randrange(8)
            if kind == 0:
                chunks.insert(at, chunks[at])
            elif kind == 1:
                name = rng.choice((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF"))
                chunks[at] = name, content
            else:
                chunks[at] = name, havoc(rng, content, keep=rng.choice((0, 5, 10)) if len(content) > 10 else 0)
    body = b"".join(n + struct.pack("<I", len(c)) + c + b"\0" * (len(c) % 2) for n, c in chunks)
    size = 4 + len(body) if rng.random() < 0.95 else number(rng, len(body))
    return b"RIFF" + fitted(size, "<I") + b"WEBP" + body


def ppm(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change the numbers of a PPM's header, or its pixels."""
    if rng.random() < 0.5:
        numbers = list(re.finditer(rb"\d+", data[2:40]))
        if numbers:
            chosen = rng.choice(numbers)
            value = str(rng.choice((*_SIDES, number(rng), -1))).encode()
            return data[: 2 + chosen.start()] + value + data[2 + chosen.end() :]
    return havoc(rng, data, other, keep=2)
