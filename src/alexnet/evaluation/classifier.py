"""A trained network that knows its classes and how pictures are prepared for it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.evaluation.input import InputSpec
from alexnet.views.fixed_views import fixed_views, view_places
from alexnet.views.train_view import with_border


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

    def probabilities(self, images: np.ndarray, num_views: int = 1) -> Tensor:
        """Return class probabilities averaged over views.

        Args:
            images: uint8 (N, H, W, C), prepared pictures.
            num_views: 1, 5, 9 or 10.

        Returns:
            float32 (N, K) on the CPU.

        Raises:
            UsageError: the pictures do not give that many views.
        """
        images = with_border(images, self.input.pad)
        height, width = images.shape[1:3]
        places = view_places(num_views, height, width, self.input.crop)
        total = None
        training = [module for module in self.net.modules() if module.training]
        if training:
            self.net.eval()
        with torch.inference_mode(), self._precision():
            for place in places:
                inputs = fixed_views(images, [place], self.input.mean, self.input.scale, self._input_dtype())
                probabilities = self.net(inputs.to(self.device)).float().softmax(1)
                total = probabilities if total is None else total + probabilities
        for module in training:
            module.training = True
        return (total / len(places)).cpu()

    def _input_dtype(self) -> torch.dtype:
        narrow = self.bfloat16 and self.device.type == "cpu" and getattr(self.net, "rounds_inputs", False)
        return torch.bfloat16 if narrow else torch.float32

    def _precision(self) -> AbstractContextManager:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else nullcontext()
