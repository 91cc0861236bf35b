"""Keyed, counter-based randomness: every draw is a pure function of a key and a position.

No part of the package reads a global random generator. A run has one seed; each purpose ("order",
"views", "dropout:drop6") derives its own key from it; a draw names its place by three counters,
usually (epoch or step, sample, block). The same bits therefore come out for any number of workers,
any batching and any point of resumption.

The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011),
the one that CUDA, JAX and Triton use, written in numpy over arrays of counters.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

_ROUND_A, _ROUND_B = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_A, _WEYL_B = 0x9E3779B9, 0xBB67AE85
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_ROUNDS = 10


@dataclass(frozen=True)
class Key:
    """A 64-bit Philox key, and the root of the keys derived from it."""

    value: int

    @classmethod
    def from_seed(cls, seed: int) -> Key:
        """Return the root key of a run."""
        return cls(_digest(f"seed:{seed}"))

    def derive(self, purpose: object) -> Key:
        """Return the independent key of one purpose, e.g. `key.derive("order")`."""
        return Key(_digest(f"{self.value:016x}/{purpose}"))

    def words(self, first: np.ndarray | int, second: np.ndarray | int, count: int) -> np.ndarray:
        """Return `count` random 32-bit words for each position (first, second).

        Args:
            first: Outer counter(s), usually the epoch or step; below 2**32.
            second: Inner counter(s), usually sample ids; below 2**32; broadcast against `first`.
            count: Words per position.

        Returns:
            uint32 array of shape (*positions, count). Word j does not depend on `count`.
        """
        first, second = np.broadcast_arrays(np.asarray(first, np.uint64), np.asarray(second, np.uint64))
        blocks = np.arange(-(-count // 4), dtype=np.uint64)
        shape = (*first.shape, len(blocks))
        counter = [
            np.broadcast_to(blocks, shape),
            np.broadcast_to(second[..., None], shape),
            np.broadcast_to(first[..., None], shape),
            np.zeros(shape, np.uint64),
        ]
        words = np.stack(philox(self.value, *counter), axis=-1)
        return words.reshape(*first.shape, 4 * len(blocks))[..., :count].astype(np.uint32)

    def uniform(self, first: np.ndarray | int, second: np.ndarray | int, count: int) -> np.ndarray:
        """Return float64 draws in [0, 1) of shape (*positions, count), 32 bits each."""
        return self.words(first, second, count) * 2.0**-32

    def normal(self, first: np.ndarray | int, second: np.ndarray | int, count: int) -> np.ndarray:
        """Return standard normal float64 draws of shape (*positions, count), by Box and Muller's method.

        Draws 2j and 2j + 1 come from words 2j and 2j + 1, so that no draw depends on `count`.
        """
        pairs = -(-count // 2)
        uniform = self.uniform(first, second, 2 * pairs)
        radius = np.sqrt(-2.0 * np.log1p(-uniform[..., 0::2]))
        angle = 2.0 * np.pi * uniform[..., 1::2]
        both = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=-1)
        return both.reshape(*both.shape[:-2], 2 * pairs)[..., :count]

    def permutation(self, epoch: int, size: int) -> np.ndarray:
        """Return a permutation of range(size) as int64: the order of one epoch.

        Sorts one 64-bit random word an element; equal words (about size**2 / 2**65 of them) keep their order.
        """
        words = self.words(epoch, np.arange(size), 2).astype(np.uint64)
        return np.argsort(words[:, 0] << _SHIFT | words[:, 1], kind="stable")


def philox(key: int, c0: np.ndarray, c1: np.ndarray, c2: np.ndarray, c3: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return Philox4x32-10 of uint64 arrays holding 32-bit counters: four such arrays of 32-bit words."""
    k0, k1 = key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF
    for _ in range(_ROUNDS):
        product_a, product_b = c0 * _ROUND_A, c2 * _ROUND_B
        c0, c1, c2, c3 = (
            (product_b >> _SHIFT) ^ c1 ^ np.uint64(k0),
            product_b & _LOW,
            (product_a >> _SHIFT) ^ c3 ^ np.uint64(k1),
            product_a & _LOW,
        )
        k0, k1 = (k0 + _WEYL_A) & 0xFFFFFFFF, (k1 + _WEYL_B) & 0xFFFFFFFF
    return c0, c1, c2, c3


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
