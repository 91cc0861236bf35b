"""How gradients fade from the last layer to the first."""

from __future__ import annotations

import numpy as np
import torch

from alexnet.experiments.measures.trained import Measured, Trained
from alexnet.nets.create import create_model
from alexnet.views.fixed_views import fixed_views, view_places

IMAGES = 256


def gradients(trained: Trained) -> Measured:
    """Length of each layer's weight gradient against its weights' length, at the start and at the end of training.

    Of the mean loss of 256 training images, one plain view each, without dropout. `first_to_last` is that of the first
    layer over that of the last.
    """
    images, indices = trained.trained_on
    classifier, recipe = trained.predictor.classifier, trained.recipe
    pixels = np.pad(images.read(indices[:IMAGES]), [(0, 0), *[(classifier.input.pad,) * 2] * 2, (0, 0)])
    place = view_places(1, *pixels.shape[1:3], classifier.input.crop)
    inputs = fixed_views(pixels, place, classifier.input.mean, classifier.input.scale, torch.float32)
    labels = torch.from_numpy(images.labels[indices[:IMAGES]].astype(np.int64))
    model = recipe.model
    fresh = create_model(
        model.name, len(trained.pack.classes), init=model.init, edits=model.edits, seed=recipe.seed
    )
    return Measured(
        {
            when: _relative(net.eval().to(trained.device), inputs.to(trained.device), labels.to(trained.device))
            for when, net in (("start", fresh), ("end", trained.predictor.net))
        }
    )


def _relative(net: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    weights = {name: p for name, p in net.named_parameters() if name.endswith("weight") and p.requires_grad}
    with torch.enable_grad():
        loss = torch.nn.functional.cross_entropy(net(inputs).float(), labels)
        found = torch.autograd.grad(loss, list(weights.values()))
    lengths = {
        name.removesuffix(".weight"): float(gradient.norm() / weight.detach().norm().clamp_min(1e-30))
        for (name, weight), gradient in zip(weights.items(), found, strict=True)
    }
    values = list(lengths.values())
    return lengths | {"first_to_last": values[0] / max(values[-1], 1e-30)}
