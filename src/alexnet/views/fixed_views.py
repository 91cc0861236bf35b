"""The views a network is evaluated on: one, five, nine or ten crops of each picture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alexnet.core.errors import UsageError

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
    images: np.ndarray, places: list[tuple[int, int, bool]], mean: np.ndarray, scale: float
) -> Tensor:
    """Return the evaluation views of a batch, float32 (V * N, C, h, w) channels-last, view by view.

    Args:
        images: uint8 (N, H, W, C).
        places: From `view_places`.
        mean: float32 (h, w, C), subtracted from every view.
        scale: Factor after the subtraction.
    """
    rows, columns = mean.shape[:2]
    offset = torch.from_numpy(mean)
    views = []
    for top, left, mirrored in places:
        crop = torch.from_numpy(images[:, top : top + rows, left : left + columns])
        view = (crop.flip(2) if mirrored else crop).float().sub_(offset)
        views.append(view.mul_(scale) if scale != 1 else view)
    return torch.cat(views).permute(0, 3, 1, 2)
