"""The first layer's kernels, by tower (paper, Figure 3 and section 6.1)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from alexnet.core.keys import Key
from alexnet.experiments.measures.trained import Measured, Trained
from alexnet.nets.catalog import find_network
from alexnet.nets.edits import apply_edits
from alexnet.nets.rows import Conv
from alexnet.pictures.kernels import draw_kernels

TOWERS = 2
HALVES = 1000


def color_score(kernels: np.ndarray) -> np.ndarray:
    """Return how much of each kernel is color, 0 to 1: the part of its energy that its gray version lacks.

    Args:
        kernels: (K, 3, h, w).

    Returns:
        float64 (K,); 0 for a kernel whose three channels are equal, 1 for one whose channels add up to nothing.
    """
    kernels = kernels.astype(np.float64)
    gray = kernels.mean(axis=1, keepdims=True)
    energy = (kernels**2).sum(axis=(1, 2, 3))
    return ((kernels - gray) ** 2).sum(axis=(1, 2, 3)) / np.maximum(energy, 1e-30)


def kernels(trained: Trained) -> Measured:
    """Mean color score of each half of the first layer's kernels, how far apart they are, and the kernels drawn.

    `apart` is measured against chance too: `apart_by_chance` is the mean distance of 1,000 random halves of the same
    kernels, the same for the same kernels.
    """
    recipe = trained.recipe
    rows = apply_edits(find_network(recipe.model.name).table, recipe.model.edits)
    first = next(row.name for row in rows if isinstance(row, Conv))
    weight = trained.predictor.net.state_dict()[f"{first}.weight"].float().cpu().contiguous().numpy()
    scores = color_score(weight) if weight.shape[1] == 3 else np.zeros(len(weight))
    halves = scores.reshape(TOWERS, -1).mean(axis=1)
    order = Key.from_seed(0).derive("halves")
    orders = np.stack([order.permutation(number, len(scores)) for number in range(HALVES)])
    shuffled = scores[orders].reshape(HALVES, TOWERS, -1).mean(axis=2)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "kernels.png"
        draw_kernels(weight, out, towers=TOWERS, per_row=16)
        picture = out.read_bytes()
    return Measured(
        {
            "color": [round(float(score), 5) for score in halves],
            "apart": float(halves.max() - halves.min()),
            "apart_by_chance": float(np.abs(shuffled[:, 0] - shuffled[:, 1]).mean()),
        },
        {"kernels.png": picture},
    )
