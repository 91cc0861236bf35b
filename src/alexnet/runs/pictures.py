"""The pictures that a run draws of itself, where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from alexnet.core.errors import AlexNetError, UsageError
from alexnet.nets.own import is_own
from alexnet.nets.rows import Conv, Lrn
from alexnet.optim.schedule import Rates
from alexnet.pictures.curves import draw_learning_curves
from alexnet.pictures.kernels import draw_kernels
from alexnet.runs.assemble import Parts
from alexnet.runs.folder import RunFolder
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.hooks.metrics_log import read_metrics
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult

CURVES, KERNELS = "learning-curves.png", "conv1-kernels.png"


class RunPictures:
    """Draws learning curves and first-layer kernels; says once what is missing and goes on without.

    Args:
        say: Shows one line to the person who watches.
    """

    def __init__(self, folder: RunFolder, parts: Parts, say: Callable[[str], None]):
        self.folder, self.parts, self.say = folder, parts, say
        self._off = False

    def draw(self) -> None:
        """Draw both pictures anew; a failure never ends a run. The run's other processes have `DrawnElsewhere`."""
        kernels = first_kernels(self.parts)
        if self._off:
            return
        try:
            self._draw(kernels)
        except UsageError as error:
            self._off = True
            self.say(f"no pictures: {error}")
        except AlexNetError as error:
            self.say(f"pictures not drawn: {error}")

    def _draw(self, kernels: Kernels | None) -> None:
        name, classes = self.parts.recipe.name, len(self.parts.pack.classes)
        metrics = read_metrics(self.folder.metrics)
        draw_learning_curves(metrics, self.folder.path / CURVES, title=name, num_classes=classes)
        if kernels is not None:
            weight, title = kernels.weight.detach().cpu().numpy(), f"{kernels.layer}, {name}"
            draw_kernels(weight, self.folder.path / KERNELS, towers=kernels.towers, title=title)


@dataclass(frozen=True)
class Kernels:
    """The first layer's."""

    layer: str
    weight: Tensor
    towers: int


def first_kernels(parts: Parts) -> Kernels | None:
    """Return the whole first layer's kernels, None where there is nothing to see; all processes call this."""
    net = parts.learner.net
    if is_own(parts.recipe.model.name):
        return None
    row = next((row for row in net.table if isinstance(row, Conv)), None)
    if row is None or row.kernel == 1:
        return None
    towers = max((row.groups for row in net.table if isinstance(row, Lrn)), default=1)
    name = f"{row.name}.weight"
    return Kernels(row.name, parts.layout.shards.whole(name, net.get_parameter(name)), towers)


@dataclass(frozen=True)
class DrawnElsewhere:
    """A hook of the processes that draw nothing: after each epoch the first one wants its kernels whole."""

    parts: Parts

    def after_step(self, state: TrainState, result: StepResult, rates: Rates, times: StepTimes) -> None:
        """Nothing."""

    def after_epoch(self, state: TrainState, validations: Sequence[Validation], improved: bool) -> None:
        """Bring this process's part."""
        first_kernels(self.parts)
