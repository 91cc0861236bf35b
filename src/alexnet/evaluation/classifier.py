"""A trained network that knows its classes and how pictures are prepared for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.evaluation.input import InputSpec
from alexnet.gpu.resident import Held
from alexnet.gpu.view import fixed_view
from alexnet.views.fixed_views import fixed_views, view_places
from alexnet.views.train_view import with_border

Place = tuple[int, int, bool]
"""Top, left and whether it is mirrored, of a view."""


@dataclass
class ViewClassifier:
    """A network with its input description.

    Its scores depend on the pictures and the number of views only: evaluation mode, no gradients.
    """

    net: nn.Module
    input: InputSpec
    classes: Sequence[str]
    class_names: Sequence[str]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    bfloat16: bool = False
    averages: Literal["probabilities", "logits"] = "probabilities"
    """What is averaged over views: the paper's choice, or what stands before the softmax."""

    def probabilities(self, images: np.ndarray | Held, num_views: int = 1) -> Tensor:
        """Return class probabilities averaged over views.

        Args:
            images: Prepared pictures, uint8 (N, H, W, C), or such on the network's device, where their views are made
                then, of the same bits.
            num_views: 1, 5, 9 or 10.

        Returns:
            float32 (N, K) on the CPU.

        Raises:
            UsageError: the pictures do not give that many views.
        """
        total, count = None, 0
        for logits in self.outputs(images, self.net, num_views):
            scores = logits.float()
            scores = scores.softmax(1) if self.averages == "probabilities" else scores
            total, count = scores if total is None else total + scores, count + 1
        mean = total / count
        return (mean if self.averages == "probabilities" else mean.softmax(1)).cpu()

    def outputs(
        self, images: np.ndarray | Held, function: Callable[[Tensor], Tensor], num_views: int = 1
    ) -> Iterator[Tensor]:
        """Yield what a function of the network's input, of its layers for example, makes of each view.

        The network is in evaluation mode meanwhile, computes in its precision and keeps no gradients.

        Raises:
            UsageError: the pictures do not give that many views.
        """
        shape = images.pictures.shape if isinstance(images, Held) else images.shape[1:]
        height, width = (side + 2 * self.input.pad for side in shape[:2])
        places = view_places(num_views, height, width, self.input.crop)
        view = self._view_on_device(images) if isinstance(images, Held) else self._view(images)
        training = [module for module in self.net.modules() if module.training]
        if training:
            self.net.eval()
        try:
            for place in places:
                with torch.inference_mode(), self._precision():
                    found = function(view(place))
                yield found
        finally:
            for module in training:
                module.training = True

    def _view(self, images: np.ndarray) -> Callable[[Place], Tensor]:
        images, dtype = with_border(images, self.input.pad), self._input_dtype()
        mean, scale = self.input.mean, self.input.scale
        return lambda place: fixed_views(images, [place], mean, scale, dtype).to(self.device)

    def _view_on_device(self, held: Held) -> Callable[[Place], Tensor]:
        mean = torch.from_numpy(self.input.mean).to(self.device)
        return lambda place: fixed_view(held, place, mean, scale=self.input.scale, border=self.input.pad)

    def _input_dtype(self) -> torch.dtype:
        narrow = self.bfloat16 and self.device.type == "cpu" and getattr(self.net, "rounds_inputs", False)
        return torch.bfloat16 if narrow else torch.float32

    def _precision(self) -> AbstractContextManager:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else nullcontext()
