"""What distinguishes one network's table from another's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from typing import Any

from alexnet.nets.describe import by, initial_weights, number, totals, what
from alexnet.nets.rows import Row
from alexnet.nets.summary import RowSummary, summarize
from alexnet.nets.tables import NetSpec

_COUNTS = ("parameters", "macs", "neurons")


@dataclass(frozen=True)
class Difference:
    """One thing that two networks do not have in common."""

    row: str
    """Its name; `input`, `output` and `total` stand for the network as a whole."""
    field: str
    """A field of the row; `row`: only one network has it, or of another kind; `after`: it stands elsewhere."""
    first: Any
    """Value in the first network; None where there is no such row."""
    second: Any
    """Value in the second."""

    @property
    def words(self) -> tuple[str, str, str, str]:
        """Row, field and both values as text."""
        return self.row, self.field, _words(self.field, self.first), _words(self.field, self.second)


def compare(first: NetSpec, second: NetSpec) -> list[Difference]:
    """Return the differences of two networks in the order of the second's rows, totals last."""
    before, after = _rows(first), _rows(second)
    found = [
        Difference("input", "shape", first.input_shape, second.input_shape),
        *_rows_differ(before, after),
        Difference("output", "classes", first.num_classes, second.num_classes),
    ]
    sums = totals(list(before.values())), totals(list(after.values()))
    found += [Difference("total", count, sums[0][count], sums[1][count]) for count in _COUNTS]
    return [difference for difference in found if difference.first != difference.second]


def _rows(spec: NetSpec) -> dict[str, RowSummary]:
    rows = summarize(spec.table, spec.input_shape, spec.num_classes)
    return {row.row.name: row for row in rows}


def _rows_differ(before: dict[str, RowSummary], after: dict[str, RowSummary]) -> Iterator[Difference]:
    # The second network first: of two rows that changed places, the one earlier in it counts as unmoved.
    order = SequenceMatcher(None, list(after), list(before), autojunk=False)
    for kind, i, j, k, m in order.get_opcodes():
        for name in list(after)[i:j]:
            if name not in before:
                yield Difference(name, "row", None, _whole(name, after))
                continue
            if kind != "equal":
                yield Difference(name, "after", _predecessor(name, before), _predecessor(name, after))
            yield from _fields_differ(before[name].row, after[name].row)
        for name in list(before)[k:m]:
            if name not in after:
                yield Difference(name, "row", _whole(name, before), None)


def _fields_differ(first: Row, second: Row) -> Iterator[Difference]:
    if type(first) is not type(second):
        yield Difference(first.name, "row", what(first), what(second))
        return
    for field in fields(first):
        yield Difference(first.name, field.name, getattr(first, field.name), getattr(second, field.name))


def _whole(name: str, rows: dict[str, RowSummary]) -> str:
    """Return a row that only one network has: what it is, its first weights, its output and its place."""
    row = rows[name]
    parts = [what(row.row)]
    spread, bias = initial_weights(row.row)
    if spread:
        parts += [f"std {spread}", f"bias {bias}"]
    return ", ".join([*parts, f"output {by(row.output_shape)}", f"after {_predecessor(name, rows)}"])


def _predecessor(name: str, rows: dict[str, RowSummary]) -> str:
    names = ["input", *rows]
    return names[names.index(name) - 1]


def _words(field: str, value: Any) -> str:
    match value:
        case None:
            return {"std": "1/sqrt(n)", "bias": "none"}.get(field, "-")
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return number(value)
        case (int(), *_):
            return by(value)
        case tuple():
            return f"{sum(map(len, value))} links"
    return str(value)
