"""A trained network as one module of torch's own functions: from pixels, or from its input, to probabilities."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.input import InputSpec
from alexnet.nets.network import Network
from alexnet.nets.plain import plain_network
from alexnet.ops.torch_draws import without_draws
from alexnet.views.fixed_views import view_places

IMAGE, INPUT, LOGITS, PROBABILITIES, BATCH = "image", "input", "logits", "probabilities", "batch"
"""Names of what goes in, comes out, and of the axis that may have any length."""


class Preparation(nn.Module):
    """From prepared pictures, uint8 (N, size, size, C), to the network's input, float32 (N, C, crop, crop).

    The central view: border, crop, mean and scale. Decoding and resizing are not here: see `describe`.
    """

    mean: Tensor

    def __init__(self, spec: InputSpec):
        super().__init__()
        side = spec.size + 2 * spec.pad
        ((self.top, self.left, _),) = view_places(1, side, side, spec.crop)
        self.crop, self.pad, self.scale = spec.crop, spec.pad, spec.scale
        self.register_buffer("mean", torch.from_numpy(spec.mean).permute(2, 0, 1).contiguous())

    def forward(self, image: Tensor) -> Tensor:
        x = image.permute(0, 3, 1, 2).to(torch.float32)
        if self.pad:
            x = F.pad(x, (self.pad,) * 4)
        x = x[:, :, self.top : self.top + self.crop, self.left : self.left + self.crop]
        return (x - self.mean) * self.scale


class Deployed(nn.Module):
    """A network with or without its preparation: logits and probabilities (N, K), float32."""

    def __init__(
        self,
        classifier: ViewClassifier,
        *,
        prepares: bool,
        norm: Callable[[nn.Module], nn.Module] | None = None,
    ):
        super().__init__()
        net = classifier.net
        self.preparation = Preparation(classifier.input) if prepares else nn.Identity()
        self.net = plain_network(net, norm) if isinstance(net, Network) else without_draws(net)
        self.eval()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.net(self.preparation(x))
        return logits, logits.softmax(1)


def example(spec: InputSpec, *, prepares: bool, count: int = 2) -> Tensor:
    """Return pictures, or inputs, of the right shape: for tracing."""
    if prepares:
        return torch.zeros(count, spec.size, spec.size, spec.channels, dtype=torch.uint8)
    return torch.zeros(count, spec.channels, spec.crop, spec.crop)


def describe(spec: InputSpec, *, prepares: bool) -> str:
    """Return what a program has to do with a picture before it gives it to the file, in one sentence."""
    turned = "turned as its EXIF mark says, " if spec.exif_rotate else ""
    colors = "RGB" if spec.channels == 3 else "gray"
    square = (
        f"a picture is {turned}made {colors}, resized so that its shorter side is {spec.size} pixels "
        f"(filter {spec.filter}), and its central {spec.size} x {spec.size} pixels are taken"
    )
    if prepares:
        return f"{square}: uint8 (N, {spec.size}, {spec.size}, {spec.channels})"
    return (
        f"{square}; of these the central {spec.crop} x {spec.crop}, less the mean, times {spec.scale:g}: "
        f"float32 (N, {spec.channels}, {spec.crop}, {spec.crop})"
    )
