"""The pieces of work of an experiment: a network to train and measure, or several to average.

What a piece is decides whether it has been done: two experiments that need the same network share it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from alexnet.config.load import merge, parse_assignment, to_table
from alexnet.experiments.claim import Arm, Base, Budget
from alexnet.nets.catalog import find_network
from alexnet.nets.edits import apply_edits
from alexnet.runs.baseline_recipe import BaselineRecipe, is_baseline, load_baseline
from alexnet.runs.recipe import Recipe, load_recipe

NAME = "experiment"
FROM_PRETRAINING = "pretraining"
"""What `model.weights` says where a network starts from another piece's."""


@dataclass(frozen=True)
class Network:
    """A network, or a baseline, that is trained on some data with one seed."""

    label: str
    """What a person calls it; decides nothing."""
    recipe: Recipe | BaselineRecipe
    data: str
    pretraining: Network | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides its numbers, but for the data's own digest."""
        parts = [self.recipe.digest(), self.data, *([self.pretraining.digest] if self.pretraining else [])]
        return _digest(parts)

    @property
    def threads(self) -> int:
        """Cores that its recipe asks for; 0: all."""
        return self.recipe.train.threads if isinstance(self.recipe, Recipe) else 0

    def all(self) -> tuple[Network, ...]:
        """Return it and the network that it starts from."""
        return (self, self.pretraining) if self.pretraining else (self,)


@dataclass(frozen=True)
class Average:
    """Networks whose probabilities are averaged."""

    label: str
    networks: tuple[Network, ...]

    @property
    def data(self) -> str:
        """The data of all its networks."""
        return self.networks[0].data

    def all(self) -> tuple[Network, ...]:
        """Return its networks."""
        return self.networks

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides its numbers, but for the data's own digest."""
        return _digest(["average", *(network.digest for network in self.networks)])


Part: TypeAlias = Network | Average


def network(arm: Arm, budget: Budget, seed: int, *, changes: tuple[str, ...] = ()) -> Network:
    """Return what an arm trains with one seed.

    Args:
        changes: Assignments besides the budget's and the arm's, e.g. a learning rate.

    Raises:
        RecipeError: a change that the recipe refuses.
    """
    base = budget.base_of(arm.name)
    pretraining = None
    texts = [*base.changes, *arm.changes, *budget.changes_of(arm.name), *changes, f"seed={seed}"]
    if arm.pretrained:
        if budget.pretraining is None:
            raise ValueError(f"{arm.name} needs a budget with a pretraining")
        pretraining = _trained(budget.pretraining, [*budget.pretraining.changes, f"seed={seed}"], arm)
        texts.append(f"model.weights={FROM_PRETRAINING}")
    trained = _trained(base, texts, arm)
    return replace(trained, label=f"{arm.name}, seed {seed}", pretraining=pretraining)


def _trained(base: Base, texts: list[str], arm: Arm) -> Network:
    table: dict = {}
    for text in texts:
        table = merge(table, parse_assignment(text))
    label = f"{base.recipe} on {base.data}"
    if is_baseline(base.recipe):
        return Network(label, replace(load_baseline(base.recipe, table), name=NAME, summary=""), base.data)
    recipe = load_recipe(base.recipe, table)
    edits = arm.edits
    if callable(edits):
        spec = find_network(recipe.model.name)
        edits = edits(replace(spec, table=apply_edits(spec.table, recipe.model.edits)))
    model = replace(recipe.model, edits=(*recipe.model.edits, *edits))
    # Name and summary decide no number; without them, equal networks of two experiments are one.
    return Network(label, replace(recipe, name=NAME, summary="", model=model), base.data)


def _digest(parts: list[str]) -> str:
    return hashlib.sha256(json.dumps(to_table(parts)).encode()).hexdigest()
