"""Which parts of a picture a class's score depends on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from alexnet.evaluation.classifier import ViewClassifier
from alexnet.inside.activations import network_input

_BATCH = 32


def gradient(classifier: ViewClassifier, picture: np.ndarray, label: int) -> np.ndarray:
    """Return how much a class's logit changes with each pixel of the network's central view, (crop, crop), >= 0.

    The largest absolute derivative over the color channels.

    Source:
        Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013, section 3.
    """
    x = network_input(classifier, picture).detach().clone().requires_grad_()
    training = classifier.net.training
    classifier.net.eval()
    try:
        with torch.enable_grad():
            (found,) = torch.autograd.grad(classifier.net(x)[0, label], x)
    finally:
        classifier.net.train(training)
    return found[0].abs().amax(0).cpu().numpy()


def occlusion(
    classifier: ViewClassifier, picture: np.ndarray, label: int, *, side: int | None = None, steps: int = 12
) -> np.ndarray:
    """Return how much a class's logit falls when a gray square hides a place of the picture.

    The logit, since the probability of what a network is sure of hardly moves.

    Args:
        picture: Prepared, uint8 (size, size, C).
        side: Of the square, in pixels; by default a fifth of the network's view.
        steps: Places along each side of the view.

    Returns:
        float32 (steps, steps): the logit without the square, less that with it.

    Source:
        Zeiler, Fergus, "Visualizing and understanding convolutional networks", 2013, section 4.2.
    """
    spec = classifier.input
    side = side or max(spec.crop // 5, 1)
    first = max((picture.shape[0] - spec.crop) // 2, 0)
    gray = np.rint(spec.mean.reshape(-1, spec.channels).mean(0)).astype(np.uint8)
    exact = replace(classifier, bfloat16=False)

    def logits(pictures: np.ndarray) -> np.ndarray:
        (found,) = exact.outputs(pictures, exact.net)
        return found[:, label].float().cpu().numpy()

    corners = np.rint(np.linspace(first, first + min(spec.crop, picture.shape[0]) - side, steps)).astype(int)
    hidden = np.repeat(picture[None], steps * steps, 0)
    for number, (top, left) in enumerate((y, x) for y in corners for x in corners):
        hidden[number, top : top + side, left : left + side] = gray
    parts = [logits(hidden[k : k + _BATCH]) for k in range(0, len(hidden), _BATCH)]
    return (logits(picture[None]) - np.concatenate(parts)).reshape(steps, steps)
