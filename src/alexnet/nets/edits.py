"""Changes that a recipe makes to a network's table: a layer removed, changed or added, for ablations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from alexnet.config.load import build, to_table
from alexnet.core.errors import RecipeError
from alexnet.core.names import nearest
from alexnet.nets.rows import (
    Activation,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    LocalConv,
    Lrn,
    PartialConv,
    Pool,
    Rbf,
    Row,
    SpatialNorm,
    Subsample,
)
from alexnet.nets.tables import Table, insert_after, without
from alexnet.nets.tables import change as change_row

ROWS: dict[str, type] = {
    "conv": Conv,
    "partial_conv": PartialConv,
    "local_conv": LocalConv,
    "linear": Linear,
    "rbf": Rbf,
    "activation": Activation,
    "lrn": Lrn,
    "spatial_norm": SpatialNorm,
    "batch_norm": BatchNorm,
    "pool": Pool,
    "subsample": Subsample,
    "dropout": Dropout,
}


@dataclass(frozen=True, kw_only=True)
class Remove:
    """Take a row out."""

    kind: ClassVar[str] = "remove"
    row: str
    """Its name."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Change fields of a row."""

    kind: ClassVar[str] = "change"
    row: str
    """Its name."""
    fields: Mapping[str, int | float | str | bool | list] = field(default_factory=dict)
    """New values by field name; as in `Insert`, `function` or `how` is a row's own `kind`."""


@dataclass(frozen=True, kw_only=True)
class Insert:
    """Add a row."""

    kind: ClassVar[str] = "insert"
    after: str
    """Name of the row before it."""
    row: Mapping[str, int | float | str | bool | list]
    """`kind` (a key of `ROWS`), `name`, and the row's fields; a row's own `kind` is spelled `function` for an
    activation, `how` for a pool or a subsampling."""


Edit = Remove | Change | Insert


def apply_edits(table: Table, edits: Sequence[Edit]) -> Table:
    """Return the table with the edits made in order.

    Raises:
        RecipeError: an edit names a row, a kind or a field that does not exist; gives the nearest.
    """
    for number, edit in enumerate(edits):
        where = f"model.edits[{number}]"
        names = [row.name for row in table]
        anchor = edit.after if isinstance(edit, Insert) else edit.row
        if anchor not in names:
            raise RecipeError(f"there is no row {anchor!r}", where=where, remedy=nearest(anchor, names))
        match edit:
            case Remove():
                table = without(table, edit.row)
            case Change():
                old = table[names.index(edit.row)]
                fields = _own_names(type(old), edit.fields)
                new = build(type(old), {**to_table(old), **fields}, f"{where}.fields.")
                table = change_row(table, edit.row, **{k: getattr(new, k) for k in fields})
            case Insert():
                table = insert_after(table, edit.after, build_row(edit.row, f"{where}.row."))
    return table


def build_row(values: Mapping[str, Any], where: str) -> Row:
    """Return a row from its `kind` and fields.

    Raises:
        RecipeError: unknown kind or field.
    """
    kind = str(values.get("kind"))
    if kind not in ROWS:
        raise RecipeError(f"{kind!r} is not a kind of row", where=f"{where}kind", remedy=nearest(kind, ROWS))
    values = {name: value for name, value in values.items() if name != "kind"}
    return build(ROWS[kind], _own_names(ROWS[kind], values), where)


def _own_names(row: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields under the row's names: its own `kind` is spelled `function` or `how` beside the row's kind."""
    spelled = {Activation: "function", Pool: "how", Subsample: "how"}.get(row)
    return {"kind" if name == spelled else name: value for name, value in values.items()}
