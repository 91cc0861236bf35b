"""Reads the wire format of Protocol Buffers, field by field; nothing is allocated that the message does not hold.

Source: the public specification of the encoding (protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

VARINT, BYTES = 0, 2
WIDTHS = {1: 8, 5: 4}
"""Bytes of the two wire types of fixed width."""
MAX_FIELDS = 100_000
"""Of one file, runs of fixed width counted once: far above any network's, and read in a fraction of a second."""


class WireError(ValueError):
    """Bytes that are not the message they should be."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Args:
        number: As in the message's definition.
        value: int for a varint, memoryview for a submessage, string or packed numbers, and for a run of fixed
            width an array uint8 (count, width).
    """

    number: int
    value: int | memoryview | np.ndarray

    def whole(self) -> int:
        """Return the field as a whole number, 0 to 2**64 - 1."""
        if not isinstance(self.value, int):
            raise WireError(f"field {self.number} is not a whole number")
        return self.value

    def message(self) -> memoryview:
        """Return the bytes of a submessage."""
        if not isinstance(self.value, memoryview):
            raise WireError(f"field {self.number} is not a message")
        return self.value

    def text(self) -> str:
        """Return the field as a string."""
        try:
            return str(self.message(), "utf-8")
        except UnicodeDecodeError:
            raise WireError(f"field {self.number} is not text") from None

    def numbers(self, kind: str) -> np.ndarray:
        """Return packed or unpacked floats as an array of numpy's `kind`, e.g. `<f4`; a view where possible."""
        kind = np.dtype(kind)
        if isinstance(self.value, np.ndarray):
            if self.value.shape[1] != kind.itemsize:
                raise WireError(f"field {self.number} has numbers of {self.value.shape[1]} bytes")
            return np.ascontiguousarray(self.value).view(kind)[:, 0]
        if len(self.message()) % kind.itemsize:
            raise WireError(f"field {self.number} ends in the middle of a number")
        return np.frombuffer(self.message(), kind)


class WireReader:
    """Iterates over messages; all messages of one reader share a limit of fields."""

    def __init__(self, limit: int = MAX_FIELDS):
        self._left = limit

    def fields(self, message: memoryview) -> Iterator[Field]:
        """Yield the fields of a message in their order.

        Raises:
            WireError: the bytes are cut, or are no message.
        """
        position = 0
        while position < len(message):
            self._left -= 1
            if self._left < 0:
                raise WireError("there are too many fields")
            tag, start = read_varint(message, position)
            number, kind = tag >> 3, tag & 7
            if not 1 <= number < 1 << 29:
                raise WireError(f"there is no field {number}")
            if kind == VARINT:
                value, position = read_varint(message, start)
            elif kind == BYTES:
                length, start = read_varint(message, start)
                position = start + length
                value = message[start:position]
            elif kind in WIDTHS:
                value = _run(message, position, start - position, WIDTHS[kind])
                position += len(value) * (start - position + WIDTHS[kind])
            else:
                raise WireError(f"field {number} is of wire type {kind}")
            if position > len(message):
                raise WireError(f"field {number} is cut")
            yield Field(number, value)

    def whole_numbers(self, message: memoryview, limit: int) -> list[int]:
        """Return packed varints, at most `limit` of them."""
        values: list[int] = []
        position = 0
        while position < len(message):
            if len(values) == limit:
                raise WireError(f"there are more than {limit} numbers")
            value, position = read_varint(message, position)
            values.append(value)
        return values


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the number at a position, 0 to 2**64 - 1, and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise WireError("a number is cut")
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
    else:
        raise WireError("a number has more than 10 bytes")
    if value >> 64:
        raise WireError("a number has more than 64 bits")
    return value, position


def _run(message: memoryview, position: int, tag: int, width: int) -> np.ndarray:
    """Return the values, uint8 (count, width), of fields that follow one another under the `tag` bytes at a position.

    Unpacked floats are millions of such fields: they are compared in chunks of growing size, not one by one.
    """
    whole = (len(message) - position) // (tag + width)
    if not whole:
        raise WireError("a number is cut")
    records = np.frombuffer(message, np.uint8, whole * (tag + width), position).reshape(whole, tag + width)
    count, chunk = 1, 1
    while count < whole:
        same = (records[count : count + chunk, :tag] == records[0, :tag]).all(axis=1)
        if not same.all():
            count += int(same.argmin())
            break
        count, chunk = count + len(same), 2 * chunk
    return records[:count, tag:]
