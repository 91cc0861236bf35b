"""Dropout at test time: half of every unit's output against the mean of many masked networks (paper, section 4.2)."""

from __future__ import annotations

import numpy as np
import torch

from alexnet.core.keys import Key
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.experiments.measures.trained import Measured, Trained
from alexnet.ops.dropout import Dropout, dropout_draws
from alexnet.views.fixed_views import fixed_views, view_places

PASSES, IMAGES = 100, 2_000


def masked(trained: Trained) -> Measured:
    """Error and loss with halved outputs, and with the means of 100 networks with dropout's masks.

    On 2,000 test images, one view. The geometric mean is what halving is said to approximate.
    """
    images, indices = trained.test
    indices = indices[:IMAGES]
    classifier = trained.predictor.classifier
    pixels, labels = images.read(indices), torch.from_numpy(images.labels[indices].astype(np.int64))
    halved = classifier.probabilities(pixels)
    logs = torch.stack([_pass(classifier, pixels, number) for number in range(PASSES)])
    means = {
        "halved": halved.log(),
        "arithmetic_mean": logs.exp().mean(0).log(),
        "geometric_mean": logs.mean(0).log_softmax(1),
    }
    values = {name: _figures(log, labels) for name, log in means.items()}
    values["one_mask"] = _figures(logs[0], labels)
    values["agree"] = float((halved.argmax(1) == means["geometric_mean"].argmax(1)).float().mean())
    return Measured(values)


def _pass(classifier: ViewClassifier, pixels: np.ndarray, number: int) -> torch.Tensor:
    """Return log-probabilities (N, K) with the masks of pass `number`."""
    net, spec = classifier.net, classifier.input
    bordered = np.pad(pixels, [(0, 0), *[(spec.pad,) * 2] * 2, (0, 0)])
    place = view_places(1, *bordered.shape[1:3], spec.crop)
    inputs = fixed_views(bordered, place, spec.mean, spec.scale, torch.float32).to(classifier.device)
    dropouts = [module for module in net.modules() if isinstance(module, Dropout)]
    try:
        for module in dropouts:
            module.training = True
        with torch.inference_mode(), dropout_draws(Key.from_seed(0), number, np.arange(len(pixels))):
            return net(inputs).float().log_softmax(1).cpu()
    finally:
        for module in dropouts:
            module.training = False


def _figures(logs: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    return {
        "top1_error": float((logs.argmax(1) != labels).float().mean()),
        "loss": float(torch.nn.functional.nll_loss(logs.double(), labels)),
    }
