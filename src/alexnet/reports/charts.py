"""The charts of a report as SVG: every seed a dot, every arm a row or a line."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alexnet.pictures import style
from alexnet.pictures.lettering import chart_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.4


def dots(
    arms: Mapping[str, Sequence[float]],
    label: str,
    *,
    scale: float = 1.0,
    at_least: Mapping[str, Sequence[bool]] | None = None,
) -> str:
    """Return rows of dots, one for each seed, with a bar at their mean; arrowheads where a number is a lower bound.

    Args:
        arms: Numbers of each arm.
        label: What they are, with the unit.
        scale: Factor on the numbers.
        at_least: Which numbers of arms are only known to be no less.
    """
    drawn = style.figure(WIDTH, 0.75 + 0.36 * len(arms))
    axes = drawn.add_axes((0.36, 0.5 / drawn.get_figheight(), 0.6, 1 - 0.62 / drawn.get_figheight()))
    style.quiet_axes(axes)
    axes.grid(True, axis="x", color=style.FAINT, linewidth=0.6)
    axes.grid(False, axis="y")
    for row, (name, numbers) in enumerate(arms.items()):
        shown = [scale * number for number in numbers]
        ends = (at_least or {}).get(name) or [False] * len(shown)
        for number, end in zip(shown, ends, strict=True):
            axes.plot(
                number,
                row,
                ">" if end else "o",
                color=style.BLUE,
                markersize=7 if end else 5,
                alpha=0.65,
                mew=0,
            )
        if shown and not any(ends):
            mean = sum(shown) / len(shown)
            axes.plot([mean, mean], [row - 0.3, row + 0.3], color=style.RUST, linewidth=2)
        axes.annotate(
            chart_text(name),
            (0, row),
            xycoords=("axes fraction", "data"),
            xytext=(-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=10,
            color=style.INK,
            parse_math=False,
        )
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_xlabel(chart_text(label), fontsize=10, color=style.MUTED)
    axes.margins(x=0.08)
    return to_svg(drawn)


def curves(
    arms: Mapping[str, Sequence[Sequence[float]]],
    label: str,
    *,
    scale: float = 1.0,
    line: float | None = None,
    crossings: Mapping[str, float] | None = None,
) -> str:
    """Return a line for each arm over epochs: the mean of its seeds, each seed thin behind it.

    Args:
        arms: For each arm a curve for each seed, a number for each epoch.
        line: A height to mark.
        crossings: Where the published curves of arms cross that height, in epochs: diamonds of the arm's color.
    """
    drawn = style.figure(WIDTH, 3.2)
    axes = drawn.add_axes((0.1, 0.15, 0.62, 0.8))
    style.quiet_axes(axes)
    ends, colors = [], dict(zip(arms, style.SERIES * 3, strict=False))
    for name, seeds in arms.items():
        if not seeds:
            continue
        color = colors[name]
        length = min(len(curve) for curve in seeds)
        epochs = range(1, length + 1)
        for curve in seeds:
            axes.plot(epochs, [scale * v for v in curve[:length]], color=color, linewidth=0.7, alpha=0.35)
        mean = [scale * sum(values) / len(seeds) for values in zip(*(c[:length] for c in seeds), strict=True)]
        axes.plot(epochs, mean, color=color, linewidth=1.8)
        ends.append((chart_text(name), mean[-1], color))
    if line is not None:
        axes.axhline(scale * line, color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        _mark_crossings(axes, colors, crossings or {}, scale * line)
    axes.set_xlabel("epochs", fontsize=10, color=style.MUTED)
    axes.set_ylabel(chart_text(label), fontsize=10, color=style.MUTED)
    axes.set_ylim(bottom=0)
    if ends:
        style.name_ends(axes, ends)
    return to_svg(drawn)


def profiles(arms: Mapping[str, Sequence[Mapping[str, float]]], label: str) -> str:
    """Return a line for each arm over layers, heights by powers of ten: the geometric mean, each seed thin behind it.

    Args:
        arms: For each arm a positive number for each layer, for each seed; zeros are left out.
    """
    drawn = style.figure(WIDTH, 2.8)
    axes = drawn.add_axes((0.1, 0.14, 0.66, 0.75))
    style.quiet_axes(axes)
    layers = list(next(iter(arms.values()))[0])
    ends, levels = [], []
    for (name, seeds), color in zip(arms.items(), style.SERIES * 3, strict=False):
        heights = [[math.log10(s[layer]) if s[layer] > 0 else math.nan for layer in layers] for s in seeds]
        for line in heights:
            axes.plot(range(len(layers)), line, color=color, linewidth=0.7, alpha=0.35)
        mean = [sum(values) / len(values) for values in zip(*heights, strict=True)]
        axes.plot(range(len(layers)), mean, "o-", color=color, linewidth=1.8, markersize=4)
        levels += [height for height in mean if not math.isnan(height)]
        ends.append((chart_text(name), mean[-1], color))
    low, high = math.floor(min(levels, default=0)), math.ceil(max(levels, default=1))
    axes.set_ylim(low, max(high, low + 1))
    ticks = range(low, max(high, low + 1) + 1, max((high - low) // 5, 1))
    axes.set_yticks(ticks, [f"$10^{{{power}}}$" for power in ticks])
    axes.set_xticks(range(len(layers)), layers)
    axes.set_title(chart_text(label), fontsize=10, color=style.MUTED, loc="left")
    style.name_ends(
        axes, [(text, low if math.isnan(height) else height, color) for text, height, color in ends]
    )
    return to_svg(drawn)


def _mark_crossings(
    axes: Axes, colors: Mapping[str, str], crossings: Mapping[str, float], height: float
) -> None:
    for arm, epochs in crossings.items():
        axes.plot(
            [epochs], [height], "D", color=style.PAPER, mec=colors[arm], mew=1.6, markersize=6, clip_on=False
        )
    if crossings:
        last = max(crossings.values())
        axes.annotate(
            "published",
            (last, height),
            xytext=(4, -7),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=9,
            color=style.MUTED,
        )


def to_svg(drawn: Figure) -> str:
    """Return a figure as SVG whose text stays text; equal figures give equal strings."""
    import matplotlib

    stream = io.StringIO()
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "alexnet", "font.family": "sans-serif"}
    ):
        drawn.savefig(stream, format="svg", facecolor=style.PAPER, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    # Several drawings share a page: what one calls p1 must not be another's.
    salt = format(hash_of(text), "x")
    text = re.sub(r'id="([^"]+)"', rf'id="{salt}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{salt}-\1)", text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{salt}-\1"', text)
    return re.sub(
        r"(<svg[^>]*?) width=\"[^\"]+\"",
        r'\1 width="100%"',
        re.sub(r"(<svg[^>]*?) height=\"[^\"]+\"", r"\1", text, count=1),
        count=1,
    )


def hash_of(text: str) -> int:
    """Return a number that is the same for the same text in every process."""
    import zlib

    return zlib.crc32(text.encode())
