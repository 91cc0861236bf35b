"""Edits of the paper's rows, by row names that its networks of every size share."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet.config.load import to_table
from alexnet.experiments.claim import Edits
from alexnet.nets.edits import Change, Insert, Remove, apply_edits
from alexnet.nets.summary import summarize
from alexnet.nets.tables import NetSpec, Table

POOLS = ("pool1", "pool2", "pool5")
CONVOLUTIONS = tuple(f"conv{n}" for n in range(1, 6))


def change(rows: Sequence[str], **fields: int | float | str | bool) -> Edits:
    """Return edits that give the rows these fields."""
    return tuple(Change(row=row, fields=fields) for row in rows)


def remove(*rows: str) -> Edits:
    """Return edits that take the rows out."""
    return tuple(Remove(row=row) for row in rows)


def move(spec: NetSpec, row: str, after: str) -> Edits:
    """Return edits that put a row behind another."""
    found = next(r for r in spec.table if r.name == row)
    values = {**to_table(found), "kind": _kind(found)}
    return (Remove(row=row), Insert(after=after, row=values))


def widened(spec: NetSpec, edits: Edits, rows: Sequence[str]) -> Edits:
    """Return the edits, and the rows' channels made wider by one factor, for the weights that were there before.

    Channels go by steps of 4. The number of weights is as near as such steps come, from either side.
    """
    aim = _weights(spec, spec.table)
    edited = apply_edits(spec.table, edits)
    channels = {row.name: row.channels for row in edited if row.name in rows}  # type: ignore[union-attr]
    most = max(channels.values())

    def wider(steps: int) -> Edits:
        return tuple(
            Change(row=name, fields={"channels": 4 * round(count * (1 + 4 * steps / most) / 4)})
            for name, count in channels.items()
        )

    candidates = [(*edits, *wider(steps)) for steps in range(-most // 8, most)]
    return min(candidates, key=lambda e: abs(_weights(spec, apply_edits(spec.table, e)) - aim))


def _weights(spec: NetSpec, table: Table) -> int:
    return sum(row.parameters for row in summarize(table, spec.input_shape, spec.num_classes))


def _kind(row: object) -> str:
    from alexnet.nets.edits import ROWS

    return next(kind for kind, made in ROWS.items() if type(row) is made)
