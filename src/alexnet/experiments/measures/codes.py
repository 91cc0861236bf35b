"""Short binary codes of images by an auto-encoder, for a search by Hamming distance (paper, section 6.1)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.experiments.measures.panels import NEAREST, Search, search_of
from alexnet.experiments.measures.trained import Measured, Trained

BITS, HIDDEN = 32, 256
NOISE = 4.0
"""Standard deviation of the noise on the code units' inputs, against which only large inputs, hence bits, get through
(Salakhutdinov & Hinton, "Semantic hashing", 2009, section 3.2)."""
EPOCHS, BATCH, RATE = 20, 100, 1e-3


def codes(trained: Trained) -> Measured:
    """How many of the six nearest training images are of the right class, by 32 bits an image.

    Bits are of an auto-encoder of the last hidden layer's activities, and of one of the pixels; both are fitted to the
    images that are searched. Images are those of the neighbors' panels, and so are the precisions by whole vectors.
    """
    search = search_of(trained)
    values = {"features": search.precision(search.by_features), "pixels": search.precision(search.by_pixels)}
    for name, queries, gallery in (
        ("of_features", search.query_features, search.gallery_features),
        ("of_pixels", search.query_pixels, search.gallery_pixels),
    ):
        values[name] = _precision(search, queries, gallery, trained.recipe.seed)
    return Measured(values)


class AutoEncoder(nn.Module):
    """Vectors (N, D) to codes (N, 32) and back; a code unit is on where its input is positive.

    Args:
        vectors: What it is fitted to; their mean and spread are what it takes off.
        generator: Draws its initial weights.
    """

    def __init__(self, vectors: Tensor, generator: torch.Generator):
        super().__init__()
        size = vectors.shape[1]
        self.mean, self.spread = vectors.mean(0), vectors.std().clamp_min(1e-6)
        self.encoder = nn.Sequential(
            _linear(size, HIDDEN, generator), nn.ReLU(), _linear(HIDDEN, BITS, generator)
        )
        self.decoder = nn.Sequential(
            _linear(BITS, HIDDEN, generator), nn.ReLU(), _linear(HIDDEN, size, generator)
        )

    def loss(self, vectors: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean squared error of what comes back through noisy codes."""
        scaled = (vectors - self.mean) / self.spread
        inputs = self.encoder(scaled)
        noise = NOISE * torch.randn(inputs.shape, generator=generator)
        return nn.functional.mse_loss(self.decoder(torch.sigmoid(inputs + noise)), scaled)

    def bits(self, vectors: Tensor) -> Tensor:
        """Return codes (N, 32) of -1 and 1."""
        with torch.inference_mode():
            return torch.where(self.encoder((vectors - self.mean) / self.spread) > 0, 1.0, -1.0)


def fit_auto_encoder(vectors: Tensor, seed: int) -> AutoEncoder:
    """Return an auto-encoder fitted to vectors (N, D) by Adam; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    net = AutoEncoder(vectors, generator)
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    with torch.enable_grad():
        for _ in range(EPOCHS):
            for part in torch.randperm(len(vectors), generator=generator).split(BATCH):
                optimizer.zero_grad()
                net.loss(vectors[part], generator).backward()
                optimizer.step()
    return net


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    bound = inputs**-0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.zero_()
    return layer


def nearest_codes(queries: Tensor, gallery: Tensor) -> np.ndarray:
    """Return the indices (N, 6) of the gallery's codes with the fewest different bits; of equal ones the first."""
    differing = (queries.shape[1] - queries @ gallery.T) / 2
    return differing.sort(dim=1, stable=True).indices[:, :NEAREST].numpy()


def _precision(search: Search, queries: Tensor, gallery: Tensor, seed: int) -> float:
    net = fit_auto_encoder(gallery, seed)
    return search.precision(nearest_codes(net.bits(queries), net.bits(gallery)))
