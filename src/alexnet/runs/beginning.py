"""How a run begins, as a person asks for it: a recipe, another run's weights, a time. Imports no torch by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet.core.errors import UsageError
from alexnet.runs.fine_tune import fine_tuning
from alexnet.runs.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    import torch

    from alexnet.data.pack.read import Pack
    from alexnet.parallel.world import World

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Beginning:
    """What a run is to be.

    Raises:
        UsageError: the time is none.
    """

    recipe: str | None
    """Name or file; None: that of `init`, for fine-tuning."""
    init: Path | None
    """The run or file whose weights it starts from."""
    time: str | None
    """How long it may take."""
    changes: list[str]
    """Assignments."""
    model: str | None = None
    """What makes a network of one's own: `package.module:factory`."""

    def __post_init__(self) -> None:
        if self.time is not None:
            parse_time(self.time)

    def load(self) -> tuple[Recipe, list[str]]:
        """Return the recipe, and in words what was chosen for the person."""
        recipe, notes = self._load()
        if self.model is None:
            return recipe, notes
        for change in self.changes:
            if (key := change.split("=")[0].strip()) in ("model.name", "model.init", "model.edits"):
                raise UsageError(
                    "changes a network of the package, and --model names one of your own", where=key
                )
        from alexnet.nets.own import make_known

        make_known(self.model, self.model)
        return recipe.with_own_network(self.model), notes

    def _load(self) -> tuple[Recipe, list[str]]:
        if self.init is None:
            assert self.recipe is not None
            return load_recipe(self.recipe, self.changes), []
        if self.recipe is None:
            return fine_tuning(self.init, self.changes)
        return load_recipe(self.recipe, [f"model.weights={self.init}", *self.changes]), []

    def fitted(
        self, recipe: Recipe, pack: Pack, device: torch.device, world: World
    ) -> tuple[Recipe, list[str]]:
        """Return the recipe with as many epochs as the time allows, and why.

        Raises:
            UsageError: not one epoch fits, or several processes would each measure their own.
        """
        if self.time is None:
            return recipe, []
        if not world.is_alone:
            raise UsageError("--time is measured by one process alone", remedy="use --epochs with several")
        from alexnet.runs.time_budget import within

        recipe, said = within(recipe, pack, device, parse_time(self.time))
        return recipe, [said]


def parse_time(text: str) -> float:
    """Return seconds: of `90s`, `10m`, `1.5h`, `1h30m`.

    Raises:
        UsageError: it is none of these.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text.lower())
    whole = "".join(number + unit for number, unit in parts)
    if not parts or whole != re.sub(r"\s", "", text.lower()) or any(unit not in _UNITS for _, unit in parts):
        raise UsageError(f"{text!r} is no time", where="--time", remedy="write e.g. 90s, 10m, 1.5h or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not seconds > 0:
        raise UsageError("there is no time to train in", where="--time")
    return seconds
