"""A split of a source whose pictures are files: some members of a tree, with their labels."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np

from alexnet.core.errors import DataError
from alexnet.data.sources.tree import Tree

LARGEST_PICTURE = 256 << 20


class Listing:
    """Some members of a tree, in a fixed order.

    Args:
        tree: Where the bytes are.
        picks: int64 (N,): members of `tree`.
        labels: int32 (N,): class of each.

    Raises:
        DataError: two of the members have the same name.
    """

    def __init__(self, tree: Tree, picks: np.ndarray, labels: np.ndarray):
        self.labels = np.asarray(labels, np.int32)
        self._tree = tree
        self._picks = np.asarray(picks, np.int64)
        if (name := tree.members.repeated(self._picks.tolist())) is not None:
            raise DataError(f"holds {name} twice", where=tree.path)

    def __len__(self) -> int:
        return len(self._picks)

    def name(self, index: int) -> str:
        """Return the picture's name inside the folder or archive."""
        return self._tree.members.name(self._picks[index])

    def read(self, index: int) -> bytes:
        """Return the encoded picture.

        Raises:
            DataError: the file is no longer what the listing said, or is too large for a picture.
        """
        member = int(self._picks[index])
        if (size := self._tree.members.sizes[member]) > LARGEST_PICTURE:
            raise DataError(
                f"has {size} bytes, too many for a picture", where=f"{self._tree.path}: {self.name(index)}"
            )
        return self._tree.read(member)

    def identify(self, digest: hashlib._Hash) -> None:
        """Feed the names and sizes to a hash, in order."""
        members = self._tree.members
        digest.update(np.frombuffer(members.sizes, np.int64)[self._picks].astype("<i8").tobytes())
        for start in range(0, len(self._picks), 1 << 16):
            chunk = self._picks[start : start + (1 << 16)].tolist()
            digest.update(b"".join(members.raw(i) + b"\0" for i in chunk))


def by_class(tree: Tree, picks: np.ndarray, labels: np.ndarray) -> Listing:
    """Return a listing sorted by class, then by the bytes of the names.

    One class at a time is sorted, so that the names of a large set are never all in memory as objects.
    """
    order = np.argsort(labels, kind="stable")
    picks, labels = picks[order], labels[order]
    bounds = np.flatnonzero(np.diff(labels, prepend=-1, append=-1))
    for start, end in itertools.pairwise(bounds):
        picks[start:end] = sorted(picks[start:end].tolist(), key=tree.members.raw)
    return Listing(tree, picks, labels)
