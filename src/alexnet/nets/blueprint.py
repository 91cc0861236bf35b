"""What it takes to build a stored network again, as plain values beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args, get_type_hints

from alexnet.config.load import build
from alexnet.core.version import VERSION
from alexnet.nets.catalog import find_network
from alexnet.nets.edits import ROWS, Change, Insert, Remove, apply_edits
from alexnet.nets.network import Network
from alexnet.nets.rows import Row
from alexnet.nets.tables import Table

MAX_CHARACTERS = 1 << 20
"""Of a blueprint's JSON; the largest network's has some 5,000."""
_KINDS = {kind: name for name, kind in ROWS.items()}


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """A network without its weights."""

    network: str
    """Name in the catalog."""
    num_classes: int
    input_shape: tuple[int, int, int]
    """(C, H, W)."""
    table: Table
    """The rows as they are, edits made."""

    def __post_init__(self) -> None:
        if self.num_classes < 1 or len(self.input_shape) != 3 or min(self.input_shape) < 1:
            raise ValueError(f"there is no network from {self.input_shape} to {self.num_classes} classes")
        names = [row.name for row in self.table]
        if not names or len(set(names)) < len(names):
            raise ValueError("two rows have one name" if names else "there are no rows")

    @classmethod
    def of(cls, net: Network) -> Blueprint:
        """Return a network's blueprint."""
        return cls(
            network=net.spec.name, num_classes=net.num_classes, input_shape=net.input_shape, table=net.table
        )

    @classmethod
    def from_json(cls, text: str) -> Blueprint:
        """Return what `to_json` wrote.

        Raises:
            ValueError: it is not a blueprint.
            RecipeError: a key or value is refused; names it.
        """
        if len(text) > MAX_CHARACTERS:
            raise ValueError(f"{len(text)} characters are too many")
        try:
            plain = json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(plain, dict) or not isinstance(plain.get("table"), list):
            raise ValueError("there is no table of rows")
        rows = [_row(row, f"table[{number}].") for number, row in enumerate(plain.pop("table"))]
        header = build(_Header, plain)
        return cls(
            network=header.network,
            num_classes=header.num_classes,
            input_shape=header.input_shape,
            table=tuple(rows),
        )

    @classmethod
    def from_checkpoint(cls, config: Any) -> Blueprint:
        """Return the blueprint of a checkpoint, by its config.json.

        Raises:
            ValueError: it says nothing of a network.
            UsageError: the network or an edit is unknown.
        """
        if not isinstance(config, dict):
            raise ValueError("it is no table")
        names = ("architecture", "num_classes", "edits")
        stated = build(_Checkpoint, {name: config[name] for name in names if name in config})
        spec = find_network(stated.architecture)
        return cls(
            network=spec.name,
            num_classes=stated.num_classes,
            input_shape=spec.input_shape,
            table=apply_edits(spec.table, stated.edits),
        )

    def to_json(self) -> str:
        """Return the blueprint as JSON, with the version of this package."""
        rows = [{"row": _KINDS[type(row)], **asdict(row)} for row in self.table]
        return json.dumps({"version": VERSION, **asdict(self), "table": rows}, allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class _Header:
    version: str
    network: str
    num_classes: int
    input_shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Checkpoint:
    architecture: str
    num_classes: int
    edits: tuple[Remove | Change | Insert, ...] = ()


def _row(values: Any, where: str) -> Row:
    """Return a row from its plain values; null stands for None where the field allows it."""
    if not isinstance(values, Mapping) or str(values.get("row")) not in ROWS:
        raise ValueError(f"{where}row is not a kind of row")
    kind = ROWS[values["row"]]
    hints = get_type_hints(kind)
    absent = {name: None for name, value in values.items() if value is None}
    stated = {name: value for name, value in values.items() if name != "row" and name not in absent}
    for name in absent:
        if type(None) not in get_args(hints.get(name)):
            raise ValueError(f"{where}{name} is null")
    return replace(build(kind, stated, where), **absent)
