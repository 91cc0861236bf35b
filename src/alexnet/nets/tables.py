"""A network is a table of rows; a variant is an edit of another table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias, get_args

from alexnet.nets.rows import Row, Weighted

Table: TypeAlias = tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class NetSpec:
    """A named network: its table, its input and where both come from."""

    name: str
    table: Table
    input_shape: tuple[int, int, int]
    """(C, H, W)."""
    num_classes: int
    source: str
    """Paper section or file of the published definition."""


def change(table: Table, *names: str, **fields: object) -> Table:
    """Return the table with fields of the named rows changed.

    Raises:
        KeyError: no row has this name.
    """
    for name in names:
        _find(table, name)
    return tuple(replace(row, **fields) if row.name in names else row for row in table)


def without(table: Table, *names: str) -> Table:
    """Return the table without the named rows."""
    for name in names:
        _find(table, name)
    return tuple(row for row in table if row.name not in names)


def insert_after(table: Table, name: str, *rows: Row) -> Table:
    """Return the table with rows added after the named one."""
    index = table.index(_find(table, name)) + 1
    return (*table[:index], *rows, *table[index:])


def move_after(table: Table, name: str, anchor: str) -> Table:
    """Return the table with one row moved behind another."""
    return insert_after(without(table, name), anchor, _find(table, name))


def weighted(table: Iterable[Row]) -> list[Weighted]:
    """Return the rows that hold weights to be drawn."""
    return [row for row in table if isinstance(row, get_args(Weighted))]


def _find(table: Table, name: str) -> Row:
    for row in table:
        if row.name == name:
            return row
    raise KeyError(f"no row {name!r}; the rows are {', '.join(row.name for row in table)}")
