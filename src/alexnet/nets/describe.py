"""A network in words and plain values, for `alexnet show` and docs/networks.md. torch is not imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

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
    Weighted,
)
from alexnet.nets.summary import RowSummary, summarize
from alexnet.nets.tables import NetSpec

_WORDS: dict[type, tuple[Callable[[Any], str], dict[str, object]]] = {
    Conv: (
        lambda row: f"conv {row.kernel}x{row.kernel}",
        {"stride": 1, "pad": 0, "pad_after": 0, "groups": 1},
    ),
    LocalConv: (lambda row: f"local conv {row.kernel}x{row.kernel}", {"pad": 0}),
    PartialConv: (lambda row: f"partial conv {row.kernel}x{row.kernel}, {sum(map(len, row.links))} links", {}),
    Linear: (lambda row: "linear", {"groups": 1}),
    Rbf: (lambda row: "distances to fixed codes", {}),
    Lrn: (lambda row: f"lrn {row.size}", {"alpha": None, "beta": 0.75, "k": None, "groups": 1}),
    SpatialNorm: (
        lambda row: f"spatial norm {row.size}x{row.size}",
        {"alpha": None, "beta": 0.75, "k": None},
    ),
    BatchNorm: (
        lambda row: "batch norm" if row.affine else "batch norm without scale",
        {"momentum": 0.1, "epsilon": 1e-5},
    ),
    Pool: (lambda row: f"{row.kind} pool {row.size}x{row.size}", {"stride": None, "ceil": False}),
    Subsample: (lambda row: f"subsample {row.size}x{row.size}, {row.kind}", {}),
    Dropout: (lambda row: f"dropout {number(row.rate)}", {"inverted": False}),
    Activation: (lambda row: row.kind, {}),
}
"""For each kind of row its first words, and the fields that follow unless they have these values."""

COUNTS = ("parameters", "macs", "neurons", "connections")
"""What is counted for each row and in all."""


def describe_network(spec: NetSpec) -> dict[str, Any]:
    """Return a network's layers with shapes, counts and initial weights, and its totals."""
    rows = summarize(spec.table, spec.input_shape, spec.num_classes)
    return {
        "name": spec.name,
        "source": spec.source,
        "input_shape": list(spec.input_shape),
        "num_classes": spec.num_classes,
        "layers": [_plain(row) for row in rows],
        **totals(rows),
        "crossing": sum(row.crossing for row in rows),
    }


def totals(rows: list[RowSummary]) -> dict[str, int]:
    """Return the sums of the rows' counts."""
    return {count: sum(getattr(row, count) for row in rows) for count in COUNTS}


def layer_table(spec: NetSpec) -> tuple[list[str], list[list[str]]]:
    """Return the headers and cells of a network's table, totals last.

    The first three columns are text, the others numbers. `std` and `bias` are the initial weights, `sees`
    is the receptive field; `crosses` is
    there only where towers read of each other.
    """
    rows = summarize(spec.table, spec.input_shape, spec.num_classes)
    headers = ["layer", "what", "output", "parameters", "MACs", "neurons", "std", "bias", "sees", "crosses"]
    table = [
        [
            row.row.name,
            what(row.row),
            by(row.output_shape),
            *(_count(getattr(row, count)) for count in COUNTS[:3]),
            *initial_weights(row.row),
            str(row.receptive_field),
            _count(row.crossing),
        ]
        for row in rows
    ]
    sums = totals(rows)
    crossing = sum(row.crossing for row in rows)
    table.append(["total", "", "", *(_count(sums[c]) for c in COUNTS[:3]), "", "", "", _count(crossing)])
    if not crossing:
        return headers[:-1], [cells[:-1] for cells in table]
    return headers, table


def what(row: Row) -> str:
    """Return a row in words; size of the output and initial weights are left out, and so are usual values."""
    head, usual = _WORDS[type(row)]
    parts = [head(row)]
    for field, value in ((field, getattr(row, field)) for field in usual):
        if value is True:
            parts.append(field)
        elif value != usual[field]:
            parts.append(f"{field} {number(value)}")
    return ", ".join(parts)


def initial_weights(row: Row) -> tuple[str, str]:
    """Return how a row's weights and biases start; empty words where it draws none. n: inputs per unit."""
    if not isinstance(row, get_args(Weighted)):
        return "", ""
    if row.uniform is not None:
        spread = f"+-{number(row.uniform)}/n"
    else:
        spread = "1/sqrt(n)" if row.std is None else number(row.std)
    return spread, "none" if row.bias is None else number(row.bias)


def by(shape: tuple[int, ...]) -> str:
    """Return a shape as 96x55x55."""
    return "x".join(map(str, shape))


def number(value: float) -> str:
    """Return a number at three digits: 0.01, 1e-4, 60,965,224."""
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    if abs(value) >= 0.001:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _count(value: int) -> str:
    return f"{value:,}" if value else ""


def _plain(row: RowSummary) -> dict[str, Any]:
    drawn = isinstance(row.row, get_args(Weighted))
    return {
        "name": row.row.name,
        "what": what(row.row),
        "output": list(row.output_shape),
        **{count: getattr(row, count) for count in COUNTS},
        "receptive_field": row.receptive_field,
        "crossing": row.crossing,
        "initial": {f: getattr(row.row, f) for f in ("std", "bias", "uniform")} if drawn else None,
    }
