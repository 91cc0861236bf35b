"""The views a network is evaluated on: one, five, nine or ten crops of each picture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from alexnet.core.errors import UsageError
from alexnet.views.plan import ViewPlan
from alexnet.views.train_view import train_view

VIEW_COUNTS = (1, 5, 9, 10)


def view_places(count: int, height: int, width: int, crop: int) -> list[tuple[int, int, bool]]:
    """Return (top, left, mirrored) of each view.

    Args:
        count: 1: the center. 5: four corners and center. 9: a 3 x 3 grid, no mirrors (the CIFAR-10 protocol).
            10: the five and their mirror images (paper, section 4.1).

    Raises:
        UsageError: the picture is too small for the crop, or gives no more than one place.

    Source:
        convdata_jpeg.py (order of the ten) and convdata_cifar.py (the nine) of the 2012 source.
    """
    if count not in VIEW_COUNTS:
        raise UsageError(f"{count} views are not defined", remedy="choose 1, 5, 9 or 10")
    bottom, right = height - crop, width - crop
    if bottom < 0 or right < 0:
        raise UsageError(f"a {crop}-pixel crop does not fit into {height} x {width} pictures")
    center = (bottom // 2, right // 2)
    if count == 1:
        return [(*center, False)]
    if not bottom or not right:
        raise UsageError(
            f"{count} views need pictures larger than the network's {crop} x {crop}; "
            f"these are {height} x {width}",
            remedy="use --views 1",
        )
    if count == 9:
        return [(top, left, False) for top in (0, center[0], bottom) for left in (0, center[1], right)]
    five = [(0, 0), (0, right), center, (bottom, 0), (bottom, right)]
    return [(*place, mirrored) for mirrored in (False, True)[: count // 5] for place in five]


def fixed_views(
    images: np.ndarray,
    places: list[tuple[int, int, bool]],
    mean: np.ndarray,
    scale: float,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return the evaluation views of a batch, (V * N, C, h, w) channels-last, view by view.

    Args:
        images: uint8 (N, H, W, C).
        places: From `view_places`.
        mean: float32 (h, w, C), subtracted from every view.
        scale: Factor after the subtraction.
        dtype: Of the result: computed in float32, rounded once.
    """
    plans = [_plan(len(images), images.shape[3], place, scale) for place in places]
    views = [train_view(images, plan, mean, dtype) for plan in plans]
    return views[0] if len(views) == 1 else torch.cat(views)


@lru_cache(maxsize=64)
def _plan(count: int, channels: int, place: tuple[int, int, bool], scale: float) -> ViewPlan:
    """Return the same draw for every image, with its colors as they are."""
    top, left, mirrored = place
    return ViewPlan(
        top=np.full(count, top, np.int32),
        left=np.full(count, left, np.int32),
        mirror=np.full(count, mirrored, np.uint8),
        gain=np.ones(count, np.float32),
        shift=np.zeros((count, channels), np.float32),
        scale=np.full(count, scale, np.float32),
    )
