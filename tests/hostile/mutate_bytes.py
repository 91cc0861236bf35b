"""Changes to bytes that know nothing of their form, and bundles of several files as one input."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    31,
    32,
    64,
    127,
    128,
    255,
    256,
    512,
    1000,
    4095,
    4096,
    32767,
    32768,
    65535,
    65536,
)
NUMBERS += (2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_WIDTHS = ("<H", ">H", "<I", ">I", "<Q", ">Q")

Mutate = Callable[[Random, bytes, bytes], bytes]


def number(rng: Random, near: int = 0) -> int:
    """Return a number that programs get wrong: a limit, or a neighbor of `near` or of a limit."""
    chosen = rng.choice((near, rng.choice(NUMBERS), rng.choice(NUMBERS)))
    return max(0, chosen + rng.choice((-1, 0, 0, 1, rng.randrange(-9, 10))))


def fitted(value: int, form: str) -> bytes:
    """Return a number in a width, its higher bits dropped."""
    return struct.pack(form, value & ((1 << (8 * struct.calcsize(form))) - 1))


def havoc(rng: Random, data: bytes, other: bytes = b"", *, keep: int = 0) -> bytes:
    """Change one to four places of the bytes from `keep` on."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        data = data[:keep] + _change(rng, data[keep:], other)
    return data


def _change(rng: Random, data: bytes, other: bytes) -> bytes:
    if not data:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(8)))
    at, kind = rng.randrange(len(data)), rng.randrange(10)
    length = min(len(data) - at, rng.choice((1, 1, 2, 4, 8, 16, 64, len(data))))
    if kind < 3:
        return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
    if kind < 5:
        return data[:at] + bytes((rng.choice((0, 1, 127, 128, 254, 255, rng.randrange(256))),)) + data[at + 1 :]
    if kind == 5:
        form = rng.choice(_WIDTHS)
        return data[:at] + fitted(number(rng, len(data)), form) + data[at + struct.calcsize(form) :]
    if kind == 6:
        return data[:at] + data[at + length :] if rng.random() < 0.7 else data[:at]
    if kind == 7:
        return data[: at + length] + data[at : at + min(length, 64)] * rng.randrange(1, 5) + data[at + length :]
    if kind == 8:
        return data[:at] + rng.randbytes(rng.randrange(1, 12)) + data[at:]
    cut = rng.randrange(len(other)) if other else 0
    return data[:at] + other[cut : cut + rng.randrange(1, 200)] + data[at + length :]


def bundle(files: dict[str, bytes]) -> bytes:
    """Return several files as one input."""
    parts = []
    for name, data in files.items():
        raw = name.encode()
        parts.append(struct.pack("<BI", len(raw), len(data)) + raw + data)
    return b"".join(parts)


def unbundle(data: bytes) -> dict[str, bytes]:
    """Return the files of a bundle."""
    files, at = {}, 0
    while at < len(data):
        name_size, size = struct.unpack_from("<BI", data, at)
        start = at + 5 + name_size
        files[data[at + 5 : start].decode()] = data[start : start + size]
        at = start + size
    return files


def in_bundle(**mutators: Mutate) -> Mutate:
    """Return a mutator of bundles that changes one file, or now and then two.

    Args:
        mutators: By file name, `_` for `.` and `-`; files that are not named stay as they are.
    """

    def mutate(rng: Random, data: bytes, other: bytes) -> bytes:
        files, others = unbundle(data), unbundle(other)
        chosen = [name for name in files if plain_name(name) in mutators]
        for name in rng.sample(chosen, min(len(chosen), rng.choice((1, 1, 1, 2)))):
            files[name] = mutators[plain_name(name)](rng, files[name], others.get(name, b""))
        return bundle(files)

    return mutate


def plain_name(name: str) -> str:
    """Return a file's name as a keyword."""
    return name.replace(".", "_").replace("-", "_").replace("/", "_")
