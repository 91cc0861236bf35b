"""Eight images with their five labels, and the nearest neighbors of five (paper, Figure 4)."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import Tensor

from alexnet.core.keys import Key
from alexnet.experiments.measures.trained import Measured, Trained
from alexnet.nets.layers import FlatLinear
from alexnet.pictures.neighbors import draw_neighbors
from alexnet.pictures.panels import draw_panels

SHOWN, QUERIES, NEAREST, SEARCHED, ASKED = 8, 5, 6, 10_000, 1_000


def panels(trained: Trained) -> Measured:
    """Five labels of eight test images; how many of the six nearest training images are of the right class.

    Nearest by Euclidean distance of the last hidden layer's activities, and of pixels, among up to 10,000 training
    images, for 1,000 test images. Images are drawn by the run's seed.
    """
    images, indices = trained.test
    order = Key.from_seed(trained.recipe.seed).derive("panels").permutation(0, len(indices))
    asked = indices[order[:ASKED]]
    train, pool = trained.trained_on
    queries, gallery = images.read(asked), train.read(pool)
    names = trained.pack.class_names
    shown = trained.predictor.classifier.probabilities(queries[:SHOWN])
    by_features = _nearest(features(trained, queries), features(trained, gallery))
    by_pixels = _nearest(_flat(queries), _flat(gallery))
    labels, found = images.labels[asked], train.labels[pool]
    rows = [
        (queries[n], gallery[by_features[n]], gallery[by_pixels[n]]) for n in range(min(QUERIES, len(queries)))
    ]
    drawn, near = io.BytesIO(), io.BytesIO()
    draw_panels(queries[:SHOWN], labels[:SHOWN], shown.numpy(), names, drawn)
    draw_neighbors(rows, near)
    return Measured(
        {
            "feature_precision": float((found[by_features] == labels[:, None]).mean()),
            "pixel_precision": float((found[by_pixels] == labels[:, None]).mean()),
        },
        {"panels.png": drawn.getvalue(), "neighbors.png": near.getvalue()},
    )


def features(trained: Trained, images: np.ndarray) -> Tensor:
    """Return what the last layer reads of each image, one view: float32 (N, D)."""
    net = trained.predictor.net
    last = [module for module in net.modules() if isinstance(module, FlatLinear | torch.nn.Linear)][-1]
    kept: list[Tensor] = []
    handle = last.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0].float().flatten(1).cpu()))
    try:
        for begin in range(0, len(images), 250):
            trained.predictor.classifier.probabilities(images[begin : begin + 250])
    finally:
        handle.remove()
    return torch.cat(kept)


def _flat(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images.reshape(len(images), -1)).float()


def _nearest(queries: Tensor, gallery: Tensor) -> np.ndarray:
    """Return the indices (N, 6) of the nearest in the gallery, nearest first."""
    distances = (gallery**2).sum(1)[None] - 2 * queries @ gallery.T
    return distances.topk(min(NEAREST, len(gallery)), largest=False).indices.numpy()
