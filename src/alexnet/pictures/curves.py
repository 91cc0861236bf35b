"""Learning curves: the loss and the error rates of a run against its epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from alexnet.core.errors import DataError
from alexnet.pictures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Record = Mapping[str, Any]

_POINTS = 2000
_SMOOTHED_FROM = 120
_DROP = 0.6
_WRITTEN_RATES = 8
_MARKED_UP_TO = {"training": 2, "validation": 40}


class Curve(NamedTuple):
    """One line of a panel, finite values only, and the records behind it where it is a running mean."""

    name: str
    color: str
    epochs: np.ndarray
    values: np.ndarray
    raw: np.ndarray | None = None


def draw_learning_curves(rows: Sequence[Record], out: Path | BinaryIO, *, title: str, num_classes: int) -> None:
    """Draw loss and error rates of one run as PNG.

    The bold training line is, at each point, the mean of the latest 1/100 of all records (of 20 in short
    runs), over the faint records themselves. Records that a resumed run has overwritten are left out; losses
    that are not finite are marked on the upper edge.

    Args:
        rows: Lines of `metrics.jsonl` in file order: `kind` ("train" or "validation"), `step`, `epoch`, `loss`,
            and where known `top1_error`, `top5_error` (fractions) and `lr`. Other kinds are ignored.
        out: The PNG's final name, or a stream.
        title: What the run is.
        num_classes: Classes, for the loss of a uniform guess, ln(num_classes).

    Raises:
        DataError: there is nothing to draw.
        UsageError: matplotlib is not installed.
    """
    training, validation = history(rows, "train"), history(rows, "validation")
    if not training and not validation:
        raise DataError("the run has recorded nothing to draw yet", remedy="wait for its first validation")
    losses = [
        *_curve("training", style.RUST, training, "loss"),
        *_curve("validation", style.BLUE, validation, "loss"),
    ]
    errors = [
        *_curve("training\ntop-1", style.RUST, training, "top1_error"),
        *_curve("validation\ntop-1", style.BLUE, validation, "top1_error"),
        *_curve("validation\ntop-5", style.SKY, validation, "top5_error"),
    ]
    figure = style.figure(6.4, 7.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.15))
    figure.subplots_adjust(left=0.125, right=0.765, top=0.895, bottom=0.075, hspace=0.1)
    last = max(float(row["epoch"]) for row in (*training, *validation))
    upper.set_xlim(0, last * 1.01 if last > 0 else 1.0)
    _draw_losses(upper, losses, math.log(max(num_classes, 1)))
    _draw_errors(lower, errors)
    lower.set_xlabel("epoch", color=style.INK, fontsize=11)
    lower.xaxis.get_major_locator().set_params(integer=last >= 4, steps=[1, 2, 5, 10])
    _mark_not_finite(upper, [*training, *validation])
    _mark_rates((upper, lower), training)
    style.heading(figure, title)
    style.write_figure(figure, out)


def history(rows: Sequence[Record], kind: str) -> list[Record]:
    """Return the records of one kind that lead to the run's present state, in order of their step.

    A run that resumes from an older checkpoint writes steps again: a later line replaces all records of its
    step and after. Records without a finite epoch have no place on the axis and are left out.
    """
    kept: list[Record] = []
    for row in rows:
        if row.get("kind") != kind or not math.isfinite(_number(row.get("epoch"))):
            continue
        while kept and _number(kept[-1].get("step")) >= _number(row.get("step")):
            kept.pop()
        kept.append(row)
    return kept


def rate_drops(training: Sequence[Record]) -> list[tuple[float, float]]:
    """Return (epoch, learning rate) of the first record and of every sudden fall (to 60 % or less)."""
    drops: list[tuple[float, float]] = []
    before = math.inf
    for row in training:
        rate = _number(row.get("lr"))
        if math.isfinite(rate):
            if rate <= _DROP * before:
                drops.append((float(row["epoch"]), rate))
            before = rate
    return drops


def running_mean(points: np.ndarray) -> np.ndarray:
    """Return (epoch, mean of the latest values up to there) at no more than 2000 of the points (P, 2)."""
    count = len(points)
    window = max(1, min(count // 20, max(20, count // 100)))
    ends = np.unique(np.linspace(1, count, min(count, _POINTS)).astype(int))
    return np.array([(points[end - 1, 0], points[max(0, end - window) : end, 1].mean()) for end in ends])


def _curve(name: str, color: str, rows: Sequence[Record], field: str) -> list[Curve]:
    """Return the curve of one field in a list, errors in percent; an empty list where nothing is finite."""
    scale = 1.0 if field == "loss" else 100.0
    points = np.array([(float(row["epoch"]), scale * _number(row.get(field))) for row in rows]).reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return []
    if not name.startswith("training"):
        return [Curve(name, color, points[:, 0], points[:, 1])]
    raw = points[:: max(1, len(points) // _POINTS)] if len(points) >= _SMOOTHED_FROM else None
    epochs, values = running_mean(points).T
    return [Curve(name, color, epochs, values, raw)]


def _draw_losses(axes: Axes, curves: list[Curve], chance: float) -> None:
    _draw(axes, curves, "loss", top=_loss_top(curves, chance), form="{:.2f}")
    if chance:
        axes.axhline(chance, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 2.5)))
        style.note(axes, f"chance, {chance:.2f}", (1, chance), units=("axes fraction", "data"), align="right")


def _draw_errors(axes: Axes, curves: list[Curve]) -> None:
    """Draw on 0-100 %, or on the low part alone where the whole second half of the run lies below 20 %."""
    settled = max((float(curve.values[len(curve.values) // 2 :].max()) for curve in curves), default=100.0)
    top = 100 if settled > 20 else next(top for top in (1, 2, 5, 10, 20, 40) if top >= 1.9 * settled)
    _draw(axes, curves, "error, %", top=1.02 * top, form="{:.1f} %")


def _loss_top(curves: list[Curve], chance: float) -> float:
    """Return an upper end that shows the whole loss unless it strays far above chance."""
    values = np.concatenate([curve.values for curve in curves]) if curves else np.array([chance])
    sensible = max(1.6 * chance, 1.5 * float(np.median(values)))
    return 1.08 * max(chance, min(float(values.max()), sensible)) or 1.0


def _draw(axes: Axes, curves: list[Curve], name: str, *, top: float, form: str) -> None:
    style.quiet_axes(axes)
    axes.set_ylim(0, top)
    axes.set_ylabel(name, color=style.INK, fontsize=11)
    axes.yaxis.set_label_coords(-0.125, 0.5)
    for curve in curves:
        if curve.raw is not None:
            axes.plot(*curve.raw.T, color=curve.color, alpha=0.22, linewidth=0.6)
        marker = "o" if len(curve.values) <= _MARKED_UP_TO[curve.name.split("\n")[0]] else None
        axes.plot(curve.epochs, curve.values, color=curve.color, linewidth=1.7, marker=marker, markersize=3.2)
    ends = [(f"{c.name} {form.format(c.values[-1])}", float(c.values[-1]), c.color) for c in curves]
    style.name_ends(axes, ends)


def _mark_not_finite(axes: Axes, rows: Sequence[Record]) -> None:
    epochs = [float(row["epoch"]) for row in rows if not math.isfinite(_number(row.get("loss", 0.0)))]
    if epochs:
        top, early = axes.get_ylim()[1], min(epochs) < 0.8 * axes.get_xlim()[1]
        axes.plot(epochs, [0.98 * top] * len(epochs), "|", color=style.RUST, markersize=5)
        at, shift = (min(epochs), top), (3 if early else -3, -15)
        align: style.Align = "left" if early else "right"
        style.note(axes, "not finite", at, shift=shift, align=align, color=style.RUST)


def _mark_rates(panels: Sequence[Axes], training: Sequence[Record]) -> None:
    """Draw the falls of the learning rate through all panels and write the rates above the first one."""
    last = panels[0].get_xlim()[1]
    free = -math.inf
    for number, (epoch, rate) in enumerate(rate_drops(training)):
        first = number == 0
        for axes in () if first else panels:
            axes.axvline(epoch, color=style.FAINT, linewidth=1.0, zorder=0)
        if epoch >= free and number < _WRITTEN_RATES:
            free = epoch + (0.21 if first else 0.12) * last
            text = ("rate " if first else "") + f"{rate:.2g}".replace("e-0", "e-")
            align: style.Align = "left" if first else "center"
            style.note(
                panels[0], text, (0 if first else epoch, 1), units=("data", "axes fraction"), align=align
            )


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
