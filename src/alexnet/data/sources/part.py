"""Some pictures of a split, as a split of their own."""

from __future__ import annotations

import hashlib

import numpy as np

from alexnet.data.sources.picture_source import IdentifiedSplit


class Part:
    """The pictures of `whole` at the positions `picks`, in that order.

    Args:
        whole: Where the pictures are.
        picks: int64 (N,): positions in `whole`.
        labels: int32 (N,); those of `whole` when left out.
    """

    def __init__(self, whole: IdentifiedSplit, picks: np.ndarray, labels: np.ndarray | None = None):
        self.labels = np.asarray(whole.labels[picks] if labels is None else labels, np.int32)
        self._whole = whole
        self._picks = np.asarray(picks, np.int64)

    def __len__(self) -> int:
        return len(self._picks)

    def name(self, index: int) -> str:
        """Return the picture's name in the whole split."""
        return self._whole.name(int(self._picks[index]))

    def read(self, index: int) -> bytes | np.ndarray:
        """Return the picture as the whole split does."""
        return self._whole.read(int(self._picks[index]))

    def identify(self, digest: hashlib._Hash) -> None:
        """Feed the whole split's identity and the positions to a hash."""
        self._whole.identify(digest)
        digest.update(self._picks.astype("<i8").tobytes())
