"""The random choices of one picture, in the order they are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from alexnet.core.keys import Key

Choice = TypeVar("Choice")
_CHUNK = 512


class Draws:
    """A stream of uniform numbers that is a pure function of a key and a picture's index.

    The renderer makes its choices by name of what it needs ("between 0.8 and 1.2", "one of these")
    instead of by counter, because a picture makes a number of them that depends on the earlier ones.

    Args:
        key: The key of one purpose, e.g. the objects of the training pictures.
        index: The picture.
    """

    def __init__(self, key: Key, index: int):
        self._key, self._index = key, index
        self._numbers = np.empty(0)
        self._chunks = 0

    def uniform(self, count: int) -> np.ndarray:
        """Return the next `count` numbers in [0, 1)."""
        while len(self._numbers) < count:
            chunk = self._key.uniform(self._index, self._chunks, _CHUNK)
            self._numbers = np.concatenate((self._numbers, chunk))
            self._chunks += 1
        taken, self._numbers = self._numbers[:count], self._numbers[count:]
        return taken

    def between(self, low: float, high: float) -> float:
        """Return the next number, in [low, high)."""
        return low + (high - low) * float(self.uniform(1)[0])

    def whole(self, low: int, high: int) -> int:
        """Return the next whole number, low <= number < high."""
        return low + int(float(self.uniform(1)[0]) * (high - low))

    def chance(self, probability: float) -> bool:
        """Say yes with this probability."""
        return float(self.uniform(1)[0]) < probability

    def one_of(self, choices: Sequence[Choice]) -> Choice:
        """Return one of `choices`, each as likely as the others."""
        return choices[self.whole(0, len(choices))]

    def points(self, count: int, low: float, high: float) -> np.ndarray:
        """Return the next `count` points of the square [low, high) x [low, high), shape (count, 2)."""
        return low + (high - low) * self.uniform(2 * count).reshape(count, 2)
