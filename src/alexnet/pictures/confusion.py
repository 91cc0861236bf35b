"""The confusion matrix: which classes a network takes for which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alexnet.pictures import style
from alexnet.pictures.lettering import chart_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALL_UP_TO = 40
_MOST_CONFUSED = 30
_NUMBERS_UP_TO = 15
_NAME_LENGTH = 22


def draw_confusion(counts: np.ndarray, class_names: Sequence[str], out: Path, *, title: str) -> None:
    """Draw a confusion matrix as PNG: correct shares in blue, mistakes in rust, shares of the true class.

    Of more than 40 classes, the 30 with the most mistakes (made about them or for them) are shown, in class
    order; their shares are still of all the examples of the true class. Up to 15 classes, shares are written.

    Args:
        counts: int (K, K): row the true class, column the answer.
        class_names: K names.
        out: The PNG's final name.
        title: Heading.

    Raises:
        UsageError: matplotlib is not installed.
    """
    if not len(class_names) or counts.shape != (len(class_names), len(class_names)):
        raise ValueError(f"{len(class_names)} names for a matrix of shape {counts.shape}")
    chosen = most_confused(counts, _MOST_CONFUSED) if len(counts) > _ALL_UP_TO else np.arange(len(counts))
    shares = row_shares(counts)[np.ix_(chosen, chosen)]
    names = [_shortened(class_names[number]) for number in chosen.tolist()]
    cell = 0.5 if len(chosen) <= _NUMBERS_UP_TO else 0.25
    side = cell * len(chosen) + 0.085 * max(map(len, names)) + 0.35
    figure = style.figure(max(side, 5.4), max(side, 2.0) + 0.95)
    axes = figure.subplots()
    figure.set_layout_engine("constrained", w_pad=0.19, h_pad=0.12)
    axes.imshow(colored(shares), interpolation="nearest", aspect="equal")
    _label(axes, [chart_text(name) for name in names])
    if len(chosen) <= _NUMBERS_UP_TO:
        _write_numbers(axes, shares)
    style.heading(figure, title)
    note = figure.supxlabel(_note(counts, shares), x=0.19 / figure.get_figwidth(), ha="left")
    note.set(fontsize=9, color=style.MUTED, linespacing=1.4)
    style.write_figure(figure, out)


def most_confused(counts: np.ndarray, limit: int) -> np.ndarray:
    """Return the `limit` classes with the most mistakes in their row and column together, in class order."""
    mistakes = counts - np.diag(np.diag(counts))
    order = np.argsort(-(mistakes.sum(0) + mistakes.sum(1)), kind="stable")
    return np.sort(order[:limit])


def row_shares(counts: np.ndarray) -> np.ndarray:
    """Return each row over its sum, float64; rows without examples are NaN."""
    totals = counts.sum(1, keepdims=True).astype(np.float64)
    return counts / np.where(totals > 0, totals, np.nan)


def colored(shares: np.ndarray) -> np.ndarray:
    """Return RGB (K, K, 3) on 0..1: white to blue on the diagonal, white to rust elsewhere, gray where unknown.

    Mistakes are shaded by the square root of their share of the largest one, so that rare ones show.
    """
    right = np.eye(len(shares), dtype=bool)
    worst = max(float(np.nanmax(np.where(right, 0.0, shares), initial=0.0)), 1e-9)
    depth = np.where(right, shares, np.sqrt(shares / worst))[..., None]
    paper, blue, rust, faint = map(_rgb, (style.PAPER, style.BLUE, style.RUST, style.FAINT))
    mixed = (1 - depth) * paper + depth * np.where(right[..., None], blue, rust)
    return np.where(np.isnan(depth), faint, mixed)


def _label(axes: Axes, names: list[str]) -> None:
    short = max(map(len, names)) <= 3
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    size = 10 if len(names) <= _NUMBERS_UP_TO else 8.5
    for axis, turn in ((axes.xaxis, 0 if short else 90), (axes.yaxis, 0)):
        axis.set_ticks(range(len(names)), names)
        for name in axis.get_ticklabels():
            name.set(fontsize=size, color=style.INK, rotation=turn, parse_math=False)
        axis.set_tick_params(length=0, pad=4)
    edges = np.arange(1, len(names)) - 0.5
    axes.hlines(edges, -0.5, len(names) - 0.5, color=style.FAINT, linewidth=0.4)
    axes.vlines(edges, -0.5, len(names) - 0.5, color=style.FAINT, linewidth=0.4)
    axes.spines[:].set(color=style.FAINT, linewidth=0.4)


def _write_numbers(axes: Axes, shares: np.ndarray) -> None:
    dark = colored(shares) @ (0.299, 0.587, 0.114) < 0.6
    for (row, column), share in np.ndenumerate(shares):
        if share > 0:
            color = style.PAPER if dark[row, column] else style.INK
            text = f"{100 * share:.1f}"
            axes.text(column, row, text, fontsize=9, color=color, ha="center", va="center_baseline")


def _note(counts: np.ndarray, shares: np.ndarray) -> str:
    total = int(counts.sum())
    worst = np.nanmax(np.where(np.eye(len(shares), dtype=bool), 0.0, shares), initial=0.0)
    facts = [f"Darkest mistake: {100 * worst:.1f} %."] if worst > 0 else []
    if total:
        facts.append(f"Error over all {total:,} pictures: {100 * (1 - np.trace(counts) / total):.1f} %.")
    lines = ["Rows: true class. Columns: answer, in % of the true class.", " ".join(facts)]
    if len(shares) < len(counts):
        lines.append(f"Shown: the {len(shares)} of {len(counts):,} classes with the most mistakes.")
    return "\n".join(lines)


def _shortened(name: str) -> str:
    """Return a name of several synonyms, too long to stand beside a row, as the first one."""
    name = name if len(name) <= _NAME_LENGTH else name.split(",")[0]
    return name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1].rstrip() + "…"


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
