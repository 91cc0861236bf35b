"""The learning curves of several runs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from alexnet.core.errors import DataError
from alexnet.pictures import style
from alexnet.pictures.curves import history
from alexnet.pictures.lettering import chart_text


def draw_compared(runs: Mapping[str, Sequence[Mapping[str, Any]]], out: Path | BinaryIO) -> None:
    """Draw the validation errors of runs over epochs, top-1, a color each; training errors dotted in the same color.

    Args:
        runs: Lines of metrics.jsonl by a run's name.
        out: The PNG's final name, or a stream.

    Raises:
        DataError: no run has a validation.
        UsageError: matplotlib is not installed.
    """
    drawn = style.figure(6.4, 3.8)
    axes = drawn.add_axes((0.09, 0.13, 0.66, 0.8))
    style.quiet_axes(axes)
    ends = []
    for (name, rows), color in zip(runs.items(), style.SERIES * len(runs), strict=False):
        seen = history(rows, "validation")
        splits = [row["split"] for row in seen]
        chosen = "val" if "val" in splits else (splits[0] if splits else None)
        points = [(row["epoch"], 100 * row["top1_error"]) for row in seen if row["split"] == chosen]
        training = [(r["epoch"], 100 * r["top1_error"]) for r in history(rows, "train") if "top1_error" in r]
        if training:
            axes.plot(*zip(*training, strict=True), ":", color=color, linewidth=0.9, alpha=0.7)
        if points:
            axes.plot(*zip(*points, strict=True), "o-", color=color, linewidth=1.6, markersize=2.5)
            ends.append((chart_text(name), points[-1][1], color))
    if not ends:
        raise DataError("no run has a validation to draw yet", remedy="wait for the first")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("epoch", fontsize=10, color=style.MUTED)
    axes.set_title("top-1 error (%): validation, training dotted", fontsize=10, color=style.MUTED, loc="left")
    style.name_ends(axes, ends)
    style.write_figure(drawn, out)
