"""Training views of pictures on disk, which pass through a cache instead of through memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from alexnet.ops import native
from alexnet.views.plan import ViewPlan
from alexnet.views.train_view import kernel_values, takes, train_view

_GROUP = 2
"""Pictures that a thread holds at a time, as in view.c."""


class Pictures(Protocol):
    """Random access to pictures of one shape."""

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return uint8 (n, H, W, C)."""
        ...


class Places(Protocol):
    """Where some pictures lie in open files."""

    descriptors: np.ndarray
    offsets: np.ndarray


@runtime_checkable
class PlacedPictures(Pictures, Protocol):
    """Pictures that the kernel can read by itself, as a pack's split gives them."""

    shape: tuple[int, int, int]

    def has_places(self, indices: np.ndarray) -> bool:
        """Say whether these pictures may be read from their places."""
        ...

    def places(self, indices: np.ndarray) -> Iterator[tuple[slice, Places]]:
        """Yield parts of the indices and where their pictures lie."""
        ...


def read_view(
    pictures: Pictures,
    indices: np.ndarray,
    plan: ViewPlan,
    mean: np.ndarray,
    out: Tensor,
    *,
    pad: int = 0,
) -> Tensor:
    """Return `train_view(pictures.read(indices), plan, mean, out.dtype, pad=pad, out=out)`, the same bits.

    Where the kernel can, it reads the rows that a crop shows, two pictures at a time. Pictures that it could not read
    are read again by `pictures.read`, which says what is wrong with them.
    """
    if (
        isinstance(pictures, PlacedPictures)
        and takes(plan, mean, out.dtype)
        and pictures.has_places(indices)
        and _fill(out, pictures, indices, plan, mean, pad)
    ):
        return out.permute(0, 3, 1, 2)
    return train_view(pictures.read(indices), plan, mean, out.dtype, pad=pad, out=out)


def _fill(
    out: Tensor, pictures: PlacedPictures, indices: np.ndarray, plan: ViewPlan, mean: np.ndarray, pad: int
) -> bool:
    """Write the views and say whether all pictures could be read."""
    is_read = torch.zeros(len(out), dtype=torch.uint8)
    height, width, channels = pictures.shape
    for part, places in pictures.places(indices):
        native.run(
            f"alexnet_read_view_{native.SUFFIX[out.dtype]}",
            len(places.offsets),
            0,
            *kernel_values(pictures.shape, plan.part(part), mean, pad),
            out[part],
            torch.from_numpy(places.descriptors),
            torch.from_numpy(places.offsets),
            is_read[part],
            scratch=-(-_GROUP * height * width * channels // 4),
        )
    return bool(is_read.all())
