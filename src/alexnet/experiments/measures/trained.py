"""A network that has been trained, with all that a measure may look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet.core.keys import Key
from alexnet.data.pack.read import Pack, PackSplit
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.runs.baseline_recipe import BaselineRecipe
from alexnet.runs.portions import Portions, portion
from alexnet.runs.predictor import Predictor
from alexnet.runs.recipe import Recipe

LOOKED_AT = 10_000
"""Training images, at most, whose error is measured at the end; of a baseline, which is slow to look, a fifth."""
BATCH = 250


@dataclass
class Measured:
    """Numbers and curves, and small pictures by their file's name."""

    values: dict[str, Any]
    pictures: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Trained:
    """A finished run.

    Attributes:
        so_far: What earlier measures found, by their names.
        peak_memory: Bytes in use at most while it was trained, if known.
    """

    folder: Path
    recipe: Recipe | BaselineRecipe
    pack: Pack
    predictor: Predictor
    device: torch.device
    so_far: dict[str, Any] = field(default_factory=dict)
    peak_memory: int | None = None

    @cached_property
    def portions(self) -> Portions:
        """Which images were trained on."""
        val = len(self.pack.split("val")) if "val" in self.pack.splits else 0
        return portion(self.pack.split("train").labels, val, self.recipe.data, Key.from_seed(self.recipe.seed))

    @property
    def is_baseline(self) -> bool:
        """Whether it has no network."""
        return isinstance(self.recipe, BaselineRecipe)

    @property
    def test(self) -> tuple[PackSplit, np.ndarray]:
        """The images that nothing was chosen by: the published test set, or what stands for it."""
        if "test" in self.pack.splits:
            images = self.pack.split("test")
            return images, np.arange(len(images))
        if "val" in self.pack.splits:
            return self.pack.split("val"), self.portions.val
        return self.pack.split("train"), self.portions.holdout

    @property
    def views(self) -> int:
        """Views of a picture whose probabilities its recipe averages."""
        return self.predictor.config["views"]

    @property
    def trained_on(self) -> tuple[PackSplit, np.ndarray]:
        """Up to 10,000 of the images that were trained on."""
        return self.pack.split("train"), self.portions.train[: LOOKED_AT // (5 if self.is_baseline else 1)]

    def evaluate(
        self, where: tuple[PackSplit, np.ndarray], num_views: int, classifier: Any = None
    ) -> Evaluation:
        """Evaluate the network, or another classifier made of it, on some images."""
        images, indices = where
        return evaluate(
            [classifier or self.predictor.classifier],
            images,
            indices,
            num_views=num_views,
            batch_size=min(BATCH, len(indices)),
        )


def errors(found: Evaluation) -> dict[str, Any]:
    """Return an evaluation's figures; errors are fractions."""
    return {
        "top1_error": round(found.top1_error, 6),
        "top5_error": round(found.top5_error, 6),
        "loss": found.loss,
        "count": found.count,
    }
