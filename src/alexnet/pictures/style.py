"""One look for every picture a run leaves behind: paper white, one ink, two hues, names beside the lines.

Charts need matplotlib (extra `report`), used as objects on an Agg canvas: no pyplot, no global state, no
display. Tiles of pixels need Pillow only. Every picture is a PNG and reaches its name through `core.files`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np
from PIL import Image, ImageDraw

from alexnet.core.errors import UsageError
from alexnet.core.files import commit_bytes
from alexnet.pictures.lettering import chart_text, font, shorten, tile_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER, INK, MUTED, FAINT = "#ffffff", "#1f2933", "#66727f", "#d8dde3"
BLUE, SKY, RUST = "#1d4f91", "#62a0d8", "#c45f2c"
SERIES = (BLUE, RUST, "#2f8f6b", "#8a5aa8", "#b08a1f", "#5f6b76", SKY, "#a8436b")
"""Colors of lines that stand beside each other, in order."""
Align = Literal["left", "center", "right"]
DOTS_PER_INCH = 200
MARGIN = 24


def figure(width: float, height: float) -> Figure:
    """Return an empty white matplotlib figure of `width` x `height` inches on an Agg canvas.

    Raises:
        UsageError: matplotlib is not installed; names the extra that brings it.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(
            "charts need matplotlib, which is not installed", remedy='run: pip install "alexnet[report]"'
        ) from None
    empty = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor=PAPER)
    FigureCanvasAgg(empty)
    return empty


def heading(drawn: Figure, title: str) -> None:
    """Write the title at the upper left, cut to the figure's width."""
    room = int(9.2 * drawn.get_figwidth())
    text = chart_text(title)
    text = text if len(text) <= room else text[: room - 3].rstrip() + "..."
    written = drawn.suptitle(text, x=0.19 / drawn.get_figwidth(), ha="left", parse_math=False)
    written.set(fontsize=13, fontweight="bold", color=INK)


def quiet_axes(axes: Axes) -> None:
    """Strip an axes to what carries meaning: two thin spines, small gray numbers, a faint horizontal grid."""
    axes.set_facecolor(PAPER)
    axes.set_axisbelow(True)
    axes.grid(True, axis="y", color=FAINT, linewidth=0.6)
    axes.grid(False, axis="x")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(color=MUTED, linewidth=0.8)
    axes.tick_params(labelsize=10, labelcolor=MUTED, color=MUTED, length=0, pad=5)
    axes.tick_params(axis="x", length=3)


def name_ends(axes: Axes, ends: Sequence[tuple[str, float, str]]) -> None:
    """Write each (text, value, color) to the right of the axes at its value's height, apart from the others."""
    low, high = axes.get_ylim()
    lines = max((text.count("\n") + 1 for text, _, _ in ends), default=1)
    places = spread([(value - low) / (high - low) for _, value, _ in ends], gap=0.035 + 0.055 * lines)
    for (text, _, color), place in zip(ends, places, strict=True):
        axes.annotate(
            text,
            (1, place),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            fontweight="bold",
            linespacing=1.25,
            color=color,
        )


def note(
    axes: Axes,
    text: str,
    at: tuple[float, float],
    *,
    units: tuple[str, str] = ("data", "data"),
    shift: tuple[float, float] = (0, 4),
    align: Align = "left",
    color: str = MUTED,
) -> None:
    """Write a small remark at a point of the axes, `shift` points (1/72 inch) away from it."""
    axes.annotate(
        text,
        at,
        xycoords=units,
        xytext=shift,
        textcoords="offset points",
        horizontalalignment=align,
        fontsize=9,
        color=color,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.8},
    )


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Return `places`, order kept, moved at least `gap` apart and, as far as they fit, inside 0..1."""
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(order))
    lifted = np.maximum.accumulate(np.clip(np.asarray(places, float)[order], 0.3 * gap, 1.0) - steps)
    moved = np.empty(len(order))
    moved[order] = np.minimum(lifted, 1.0 - steps[-1:]) + steps
    return moved.tolist()


def write_figure(drawn: Figure, out: Path | BinaryIO) -> None:
    """Render a figure as PNG and commit it to `out`, or write it to a stream; equal figures give equal bytes."""
    stream = io.BytesIO()
    drawn.savefig(stream, format="png", dpi=DOTS_PER_INCH, facecolor=PAPER, metadata={"Software": None})
    _put(stream.getvalue(), out)


def write_image(image: Image.Image, out: Path | BinaryIO) -> None:
    """Commit a Pillow image to `out` as PNG, or write it to a stream."""
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    _put(stream.getvalue(), out)


def _put(data: bytes, out: Path | BinaryIO) -> None:
    if isinstance(out, str | Path):
        commit_bytes(Path(out), data)
    else:
        out.write(data)


def page(width: int, height: int, title: str) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """Return a white page with a margin and a title around room for `width` x `height` pixels of content.

    Returns:
        The image, its pen, and the y at which the content starts; x starts at `MARGIN`.
    """
    top = MARGIN + (34 if title else 0)
    image = Image.new("RGB", (width + 2 * MARGIN, top + height + MARGIN), PAPER)
    pen = ImageDraw.Draw(image)
    if title:
        pen.text((MARGIN, MARGIN - 6), shorten(tile_text(title), width, 22), fill=INK, font=font(22))
    return image, pen, top


def pixels(image: np.ndarray) -> Image.Image:
    """Return a uint8 picture (H, W, 3) or (H, W, 1) as a Pillow RGB image."""
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or image.dtype != np.uint8:
        raise ValueError(f"a picture is uint8 (H, W, 1 or 3), not {image.dtype} {image.shape}")
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3))), "RGB")


def enlarge(image: Image.Image, factor: int) -> Image.Image:
    """Return `image` with every pixel drawn as a square of `factor` x `factor`."""
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
