"""The pictures that a run draws of itself, where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from alexnet.core.errors import AlexNetError, UsageError
from alexnet.nets.rows import Conv, Lrn
from alexnet.pictures.curves import draw_learning_curves
from alexnet.pictures.kernels import draw_kernels
from alexnet.runs.assemble import Parts
from alexnet.runs.folder import RunFolder

CURVES, KERNELS = "learning-curves.png", "conv1-kernels.png"


class RunPictures:
    """Draws learning curves and first-layer kernels; says once what is missing and goes on without.

    Args:
        say: Shows one line to the person who watches.
    """

    def __init__(self, folder: RunFolder, parts: Parts, say: Callable[[str], None]):
        self.folder, self.parts, self.say = folder, parts, say
        self._off = False

    def draw(self, metrics: Sequence[dict[str, Any]]) -> None:
        """Draw both pictures anew; a failure never ends a run."""
        if self._off:
            return
        try:
            self._draw(metrics)
        except UsageError as error:
            self._off = True
            self.say(f"no pictures: {error}")
        except AlexNetError as error:
            self.say(f"pictures not drawn: {error}")

    def _draw(self, metrics: Sequence[dict[str, Any]]) -> None:
        recipe, net = self.parts.recipe, self.parts.learner.net
        classes = len(self.parts.pack.classes)
        draw_learning_curves(metrics, self.folder.path / CURVES, title=recipe.name, num_classes=classes)
        first = next((row for row in net.table if isinstance(row, Conv)), None)
        if first is not None and first.kernel > 1:
            towers = max([row.groups for row in net.table if isinstance(row, Lrn)], default=1)
            weight = net.get_submodule(first.name).weight.detach().cpu().numpy()
            draw_kernels(
                weight, self.folder.path / KERNELS, towers=towers, title=f"{first.name}, {recipe.name}"
            )
