"""Eight images with their five labels, and the nearest neighbors of five (paper, Figure 4)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from alexnet.core.keys import Key
from alexnet.evaluation.features import features as layer_outputs
from alexnet.evaluation.neighbors import nearest_vectors
from alexnet.experiments.measures.trained import BATCH, Measured, Trained
from alexnet.pictures.neighbors import draw_neighbors
from alexnet.pictures.panels import draw_panels

SHOWN, QUERIES, NEAREST, SEARCHED, ASKED = 8, 5, 6, 10_000, 1_000


@dataclass(frozen=True)
class Search:
    """Test images that ask, and training images that are searched.

    Attributes:
        queries, gallery: uint8 (N, S, S, 3).
        query_labels, gallery_labels: Their classes (N,).
        query_features, gallery_features: What the last layer reads of them, float32 (N, D).
    """

    queries: np.ndarray
    gallery: np.ndarray
    query_labels: np.ndarray
    gallery_labels: np.ndarray
    query_features: Tensor
    gallery_features: Tensor

    @property
    def query_pixels(self) -> Tensor:
        """Pixels of those that ask, float32 (N, 3 S S)."""
        return _flat(self.queries)

    @property
    def gallery_pixels(self) -> Tensor:
        """Pixels of those that are searched, float32 (N, 3 S S)."""
        return _flat(self.gallery)

    @cached_property
    def by_features(self) -> np.ndarray:
        """Indices (N, 6) of the nearest by Euclidean distance of features, nearest first."""
        return nearest_vectors(self.query_features, self.gallery_features, NEAREST).indices

    @cached_property
    def by_pixels(self) -> np.ndarray:
        """Indices (N, 6) of the nearest by Euclidean distance of pixels, nearest first."""
        return nearest_vectors(self.query_pixels, self.gallery_pixels, NEAREST).indices

    def precision(self, found: np.ndarray) -> float:
        """Return which part of what was found (N, 6) is of the class that was asked with."""
        return float((self.gallery_labels[found] == self.query_labels[:, None]).mean())


def search_of(trained: Trained) -> Search:
    """Return 1,000 test images, drawn by the run's seed, and up to 10,000 training images to search."""
    images, indices = trained.test
    order = Key.from_seed(trained.recipe.seed).derive("panels").permutation(0, len(indices))
    asked = indices[order[:ASKED]]
    train, pool = trained.trained_on
    queries, gallery = images.read(asked), train.read(pool)
    return Search(
        queries,
        gallery,
        images.labels[asked],
        train.labels[pool],
        features(trained, queries),
        features(trained, gallery),
    )


def panels(trained: Trained) -> Measured:
    """Five labels of eight test images; how many of the six nearest training images are of the right class.

    Nearest by Euclidean distance of the last hidden layer's activities, and of pixels, among up to 10,000 training
    images, for 1,000 test images. Images are drawn by the run's seed.
    """
    search = search_of(trained)
    shown = trained.predictor.classifier.probabilities(search.queries[:SHOWN])
    rows = [
        (search.queries[n], search.gallery[search.by_features[n]], search.gallery[search.by_pixels[n]])
        for n in range(min(QUERIES, len(search.queries)))
    ]
    drawn, near = io.BytesIO(), io.BytesIO()
    names = trained.pack.class_names
    draw_panels(search.queries[:SHOWN], search.query_labels[:SHOWN], shown.numpy(), names, drawn)
    draw_neighbors(rows, near)
    return Measured(
        {
            "feature_precision": search.precision(search.by_features),
            "pixel_precision": search.precision(search.by_pixels),
        },
        {"panels.png": drawn.getvalue(), "neighbors.png": near.getvalue()},
    )


def features(trained: Trained, images: np.ndarray) -> Tensor:
    """Return what the last layer reads of each image, one view: float32 (N, D)."""
    classifier = trained.predictor.network
    parts = [layer_outputs(classifier, images[k : k + BATCH]) for k in range(0, len(images), BATCH)]
    return torch.cat(parts)


def _flat(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images.reshape(len(images), -1)).float()
