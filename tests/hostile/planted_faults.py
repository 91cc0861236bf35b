"""Faults put into a reader, and what the fuzzing says of them; in a process of its own, whose memory nobody has used.

python tests/hostile/planted_faults.py FOLDER
"""

from __future__ import annotations

import ctypes
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fuzz import summary
from fuzz_engine import MB, Fuzz, Target

from alexnet.core.errors import DataError

TRIGGER = b"\x07"


def bytewise(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Return another input, its first byte drawn."""
    return bytes([rng.randrange(64)]) + other[1:]


def planted(does: Callable[[], object]) -> Target:
    """Return a reader that is well until it meets a certain byte."""

    def read(data: bytes, folder: Path) -> None:
        if data[:1] == TRIGGER:
            does()
        raise DataError("is nothing", where="x")

    return Target(name="planted", seeds=(b"abcdef",), mutate=bytewise, read=read, memory=64 * MB)


def _loop() -> None:
    while True:
        pass


def _endless_list() -> None:
    kept = []
    while True:
        kept.append(bytearray(MB))


def _grow() -> None:
    time.kept = [b"x" * (100 * MB)]


FAULTS = {
    "crash": lambda: ctypes.string_at(0),
    "hang": _loop,
    "memory": _grow,
    "endless allocation": _endless_list,
    "exception": lambda: 1 / 0,
}


def found(name: str, folder: Path) -> dict[str, object]:
    """Fuzz a reader with that fault; return the failures' kinds, inputs and number."""
    tally = Fuzz(planted(FAULTS[name]), seed=0, work=folder, keep=folder / "failed").run(60, batch=60)
    return {
        "kinds": sorted({failure.kind for failure in tally.failures}),
        "first_bytes": sorted(
            {(folder / "failed" / failure.file).read_bytes()[0] for failure in tally.failures}
        ),
        "failures": summary("pictures", 0, {"planted": tally}, 0.0)["failures"],
    }


def found_after_use(folder: Path) -> dict[str, object]:
    """As `found` for memory, of a process that has freed much of what it held."""
    for _ in range(2):
        held = [bytearray(MB) for _ in range(400)]
        last = bytearray(MB)
        del held
    return found("memory", folder) | {"held": len(last)}


if __name__ == "__main__":
    work = Path(sys.argv[1])
    told = {name: found(name, work / name) for name in FAULTS}
    print(json.dumps(told | {"memory after use": found_after_use(work / "used")}))
