"""A process that decodes pictures of strangers, with bounded memory, no files to write and nothing to lose.

Reads frames from its input and answers on its output: a status byte and a length of 4 bytes before each content. It
imports no torch and nothing of the network.
"""

from __future__ import annotations

import contextlib
import struct
import sys
from typing import BinaryIO

FRAME = struct.Struct("<BI")
"""Status, and bytes that follow."""
DONE, REFUSED = 0, 1
"""Statuses: prepared pixels follow; the code of a `DecodeError` follows."""


def main(size: int, channels: int, filter: str, exif_rotate: bool, memory: int) -> None:
    """Answer until the input ends."""
    from alexnet.data.decode import DecodeError, decode
    from alexnet.data.prepare import prepare

    _confine(memory)
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while head := _read(source, FRAME.size):
        _, length = FRAME.unpack(head)
        data = _read(source, length)
        try:
            pixels = decode(data, channels=channels, exif_rotate=exif_rotate).pixels
            answer = DONE, prepare(pixels, size, filter).tobytes()
        except DecodeError as error:
            answer = REFUSED, error.code.encode()
        except MemoryError:
            answer = REFUSED, b"too-large"
        status, content = answer
        out.write(FRAME.pack(status, len(content)) + content)
        out.flush()


def _confine(memory: int) -> None:
    """Give up what decoding does not need: memory without end, files to write, core dumps."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(source: BinaryIO, count: int) -> bytes:
    """Return so many bytes, or none where the input has ended."""
    data = source.read(count)
    return data if len(data) == count else b""


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4] == "1", int(sys.argv[5]))
