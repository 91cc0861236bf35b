"""A network as it is served: its answers, its kernels, and its nearest training pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from alexnet.data.pack.read import PackSplit
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.features import features
from alexnet.evaluation.neighbors import nearest_vectors
from alexnet.nets.network import Network
from alexnet.nets.rows import Conv, Lrn
from alexnet.pictures import style
from alexnet.pictures.kernels import draw_kernels
from alexnet.runs.predictor import Predictor

_NEAREST = 6


@dataclass(frozen=True)
class Training:
    """Training pictures that are shown beside an answer.

    Attributes:
        images: Where they are read.
        numbers: Which of them are searched, int64 (N,).
        vectors: What the last layer reads of each, float32 (N, D).
    """

    images: PackSplit
    numbers: np.ndarray
    vectors: np.ndarray


class Model:
    """A run, ready to answer.

    Args:
        training: What neighbors are looked for among; None: there are none in the answers.
    """

    def __init__(self, predictor: Predictor, training: Training | None = None):
        self.classifier: ViewClassifier = predictor.network
        self.training, self._config = training, predictor.config
        self.kernels = _kernels(self.classifier)
        self._shown = frozenset(training.numbers.tolist()) if training else frozenset()

    def rows(self, pictures: np.ndarray) -> np.ndarray:
        """Return a row for each prepared picture: probabilities (K,), and where neighbors are shown features (D,)."""
        probabilities = self.classifier.probabilities(pictures)
        if self.training is None:
            return probabilities.numpy()
        return torch.cat([probabilities, features(self.classifier, pictures)], 1).numpy()

    def answer(self, row: np.ndarray, k: int) -> dict[str, Any]:
        """Return a row of `rows` as plain values: the k most probable classes, and the nearest training pictures."""
        count = len(self.classifier.classes)
        chances = row[:count]
        best = np.argsort(-chances, kind="stable")[:k]
        found: dict[str, Any] = {
            "predictions": [
                {
                    "class": self.classifier.classes[index],
                    "class_name": self.classifier.class_names[index],
                    "probability": round(float(chances[index]), 6),
                }
                for index in best
            ]
        }
        if self.training is not None:
            near = nearest_vectors(row[None, count:], self.training.vectors, _NEAREST)
            numbers = self.training.numbers[near.indices[0]]
            found["neighbors"] = [
                {
                    "number": int(number),
                    "class_name": self.classifier.class_names[int(self.training.images.labels[number])],
                    "distance": round(float(distance), 6),
                }
                for number, distance in zip(numbers, near.distances[0], strict=True)
            ]
        return found

    def about(self) -> dict[str, Any]:
        """Return what the model is, without anything of this machine."""
        return {
            "architecture": self._config["architecture"],
            "recipe": self._config["recipe"],
            "classes": len(self.classifier.classes),
            "class_names": list(self.classifier.class_names),
            "input": {"size": self.classifier.input.size, "crop": self.classifier.input.crop},
            "kernels": self.kernels is not None,
            "neighbors": self.training is not None,
        }

    def training_picture(self, number: int) -> bytes | None:
        """Return a training picture that neighbors may name, as PNG; None: it is none of them."""
        if self.training is None or number not in self._shown:
            return None
        stream = io.BytesIO()
        style.pixels(self.training.images.read(np.array([number]))[0]).save(stream, format="PNG")
        return stream.getvalue()


def _kernels(classifier: ViewClassifier) -> bytes | None:
    net = classifier.net
    row = next((row for row in net.table if isinstance(row, Conv)), None) if isinstance(net, Network) else None
    if row is None or row.kernel == 1:
        return None
    stream = io.BytesIO()
    towers = max((row.groups for row in net.table if isinstance(row, Lrn)), default=1)
    draw_kernels(net.get_parameter(f"{row.name}.weight").detach().float().cpu().numpy(), stream, towers=towers)
    return stream.getvalue()
