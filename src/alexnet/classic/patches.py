"""Square patches of images: some at random, all of a region, and their brightness and contrast taken out."""

from __future__ import annotations

import numpy as np

from alexnet.core.errors import DataError
from alexnet.core.keys import Key

_AT_ONCE = 65536
"""Patches cut in one go, which bounds the indices held beside them."""


def check_images(images: np.ndarray, side: int) -> None:
    """Refuse what has no patch of `side` x `side` pixels.

    Raises:
        DataError: `images` is not uint8 (N, H, W, 1 or 3) with N > 0 and H, W at least `side`.
    """
    shape = "x".join(map(str, images.shape))
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or not len(images):
        raise DataError(
            f"images are {images.dtype} {shape}", remedy="give uint8 (count, height, width, 1 or 3 channels)"
        )
    if min(images.shape[1:3]) < side:
        raise DataError(
            f"images of {images.shape[1]} x {images.shape[2]} pixels have no patch of {side} x {side}",
            remedy="use larger images or a smaller patch",
        )


def sample_patches(images: np.ndarray, side: int, count: int, key: Key) -> np.ndarray:
    """Return patches at places drawn with replacement, each place of each image equally likely.

    Args:
        images: uint8 (N, H, W, C), H and W at least `side`.
        side: Height and width of a patch, in pixels.
        count: How many; patch i does not depend on it.
        key: Of the draws.

    Returns:
        uint8 (count, side * side * C), a patch's values in the order row, column, channel.
    """
    number, height, width, channels = images.shape
    found = np.empty((count, side, side, channels), np.uint8)
    ahead = np.arange(side)
    for start in range(0, count, _AT_ONCE):
        stop = min(count, start + _AT_ONCE)
        # 32 bits a draw: a place of a million is favored by less than one part in four thousand
        uniform = key.uniform(0, np.arange(start, stop), 3)
        which, top, left = (uniform * (number, height - side + 1, width - side + 1)).astype(np.int64).T
        found[start:stop] = images[
            which[:, None, None], (top[:, None] + ahead)[:, :, None], (left[:, None] + ahead)[:, None, :]
        ]
    return found.reshape(count, -1)


def all_patches(images: np.ndarray, side: int) -> np.ndarray:
    """Return all patches, one for each place, as a view.

    Args:
        images: (N, H, W, C), H and W at least `side`.
        side: Height and width of a patch, in pixels.

    Returns:
        (N, H - side + 1, W - side + 1, side, side, C): values in the order of `sample_patches`, once reshaped.
    """
    windows = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))
    return np.moveaxis(windows, 3, 5)


def normalize_contrast(patches: np.ndarray, offset: float) -> np.ndarray:
    """Return each patch less its mean, over the square root of its variance plus `offset`.

    As in the program published with Coates & Ng, "The importance of encoding versus training with sparse coding and
    vector quantization", ICML 2011, whose offset of 10 (pixels of 0 to 255) keeps the noise of flat patches small.

    Args:
        patches: (N, F), F values a patch.
        offset: Added to the variance, which is the mean square over the F values.

    Returns:
        float32 (N, F).
    """
    centered = patches.astype(np.float32)
    centered -= centered.mean(1, keepdims=True)
    variance = np.einsum("nf,nf->n", centered, centered) / centered.shape[1]
    centered /= np.sqrt(variance + np.float32(offset))[:, None]
    return centered
