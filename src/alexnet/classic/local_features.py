"""Local descriptors, encoded and pooled: the features of the best entries before 2012."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from alexnet.classic import pyramid
from alexnet.classic.config import Fisher, LocalConfig
from alexnet.classic.descriptors import SIZES, pieces
from alexnet.classic.fisher import FisherCoder
from alexnet.classic.llc import LlcCoder
from alexnet.classic.threads import each_alone
from alexnet.core.errors import DataError
from alexnet.core.keys import Key

_TOGETHER = 16
"""Pictures that one thread describes and encodes at once."""


class LocalFeatures:
    """An encoder of pictures, learned from pictures without labels."""

    def __init__(self, config: LocalConfig):
        self.config = config
        fisher = isinstance(config.encoder, Fisher)
        self._coder = FisherCoder(config.encoder) if fisher else LlcCoder(config.encoder)
        self._learned: dict[str, np.ndarray] = {}

    def fit(self, images: np.ndarray, seed: int, say: Callable[[str], None]) -> None:
        """Learn projection and encoder from random descriptors of random pictures.

        Args:
            images: uint8 (N, H, W, C).
            seed: Of all draws.
            say: Hears of the progress.

        Raises:
            DataError: too few descriptors to learn from.
        """
        config, key = self.config, Key.from_seed(seed).derive("local features")
        found = self._sampled(images, key)
        mean = found.mean(0)
        values, vectors = np.linalg.eigh(np.cov(found.astype(np.float64), rowvar=False))
        kept = config.pca or found.shape[1]
        projection = vectors[:, ::-1][:, :kept].astype(np.float32)
        say(
            f"{len(found):,} descriptors; {kept} of {found.shape[1]} dimensions keep "
            f"{100 * values[::-1][:kept].sum() / max(values.sum(), 1e-30):.0f} % of their variance"
        )
        projected = (found - mean) @ projection
        self._learned = {"mean": mean, "projection": projection, **self._coder.learn(projected, seed)}
        say(f"{config.encoder.kind} learned")

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return codes, float32 (N, features), of uint8 (N, H, W, C)."""
        codes = np.empty((len(images), self.config.features), np.float32)
        parts = pieces(len(images), _TOGETHER)
        each_alone(self._encode, ((images[part], codes[part]) for part in parts))
        return codes

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learned."""
        return dict(self._learned)

    @classmethod
    def from_arrays(cls, config: LocalConfig, arrays: dict[str, np.ndarray]) -> LocalFeatures:
        """Return the encoder that `arrays` came from.

        Raises:
            DataError: arrays of another configuration.
        """
        made = cls(config)
        kept = config.pca or SIZES[config.dense.what]
        if arrays.get("projection", np.empty(0)).shape != (SIZES[config.dense.what], kept):
            raise DataError("the stored arrays are of other features")
        made._learned = dict(arrays)
        return made

    def _encode(self, images: np.ndarray, codes: np.ndarray) -> None:
        config, learned = self.config, self._learned
        found, centers = config.dense.describe(images)
        projected = (torch.from_numpy(found) - torch.from_numpy(learned["mean"])) @ torch.from_numpy(
            learned["projection"]
        )
        regions = pyramid.regions(centers, config.pyramid)
        codes[:] = self._coder.encode(projected, learned, regions).flatten(1).numpy()

    def _sampled(self, images: np.ndarray, key: Key) -> np.ndarray:
        """Return random descriptors: the same number of each of some random pictures."""
        first, _ = self.config.dense.describe(images[:1])
        each = max(first.shape[1] // 4, 1)
        wanted = min(-(-self.config.samples // each), len(images))
        chosen = np.sort(key.permutation(0, len(images))[:wanted])

        def sampled(numbers: np.ndarray) -> np.ndarray:
            found, _ = self.config.dense.describe(images[numbers])
            drawn = [key.permutation(1 + int(n), found.shape[1])[:each] for n in numbers]
            return np.concatenate([image[rows] for image, rows in zip(found, drawn, strict=True)])

        parts = each_alone(sampled, ((chosen[part],) for part in pieces(wanted, _TOGETHER)))
        sample = np.concatenate(parts)
        least = getattr(self.config.encoder, "components", getattr(self.config.encoder, "words", 1))
        if len(sample) < 2 * least:
            raise DataError(
                f"{len(sample)} descriptors are too few for {least} words", remedy="train on more pictures"
            )
        return sample
