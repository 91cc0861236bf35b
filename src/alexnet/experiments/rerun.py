"""A result done again from its folder, number by number."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alexnet.core.errors import DataError
from alexnet.data.pack.read import Pack
from alexnet.experiments.order import Order, pack_key
from alexnet.experiments.part import Network, Part
from alexnet.experiments.results import RESULT, Result, read_result
from alexnet.experiments.run import Setting
from alexnet.experiments.work import do
from alexnet.runs.devices import choose_device

_OF_THE_MACHINE = ("cost.seconds", "cost.images_per_second", "cost.peak_memory_mb")


def differences(folder: Path, part: Part, setting: Setting) -> tuple[int, list[str]]:
    """Train and measure again; return how many numbers were compared, and a line for each that differs.

    Times and memory are not compared.

    Raises:
        DataError: the data is not that of the result.
    """
    stored = read_result(folder / RESULT)
    first = part.all()[0]
    pack = Pack.open(setting.packs[pack_key(first)])
    if pack.digest != stored.record["data"]["pack_digest"]:
        raise DataError("is not the data of this result: its pack has another digest", where=pack.path)
    threads = first.threads if isinstance(part, Network) else 0
    with tempfile.TemporaryDirectory(dir=_made(setting.scratch)) as scratch:
        order = Order(part, tuple(stored.measures), setting.packs, Path(scratch), setting.device)
        again = do(order, choose_device(setting.device, threads)).record
    return _compared(stored, again["measures"])


def _compared(stored: Result, again: Mapping[str, Any]) -> tuple[int, list[str]]:
    before, after = dict(_flat(stored.measures)), dict(_flat(again))
    names = [name for name in before if name not in _OF_THE_MACHINE]
    lines = [
        f"{name}: {before[name]} in the result, {after.get(name)} now"
        for name in names
        if before[name] != after.get(name)
    ]
    return len(names), lines


def _flat(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every number with the path to it."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _flat(value, f"{path}.{name}" if path else name)
    elif isinstance(values, list):
        for number, value in enumerate(values):
            yield from _flat(value, f"{path}[{number}]")
    else:
        yield path, values


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
