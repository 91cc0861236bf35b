"""What an experiment is: a claim with its source, the networks that are trained for it, and what is compared.

Knows no torch: a report is made from these and from results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from alexnet.nets.edits import Edit
from alexnet.nets.tables import NetSpec

BudgetName = Literal["smoke", "laptop", "gpu", "full"]
BUDGETS: tuple[BudgetName, ...] = ("smoke", "laptop", "gpu", "full")
Edits: TypeAlias = tuple[Edit, ...]


@dataclass(frozen=True, kw_only=True)
class Base:
    """What a budget trains when an arm changes nothing."""

    recipe: str
    """Name of a packaged recipe."""
    data: str
    """Name of the data: `cifar10`, `mnist`, `tiny-imagenet-40`, `ilsvrc2012`, `demo`, ..."""
    changes: tuple[str, ...] = ()
    """Assignments `a.b=value` laid over the recipe."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much an experiment may cost, and on which data."""

    base: Base
    seeds: tuple[int, ...] = (0, 1, 2)
    pretraining: Base | None = None
    """What arms with `pretrained` start from."""
    bases: tuple[tuple[str, Base], ...] = ()
    """What single arms change, where it is not `base`: (arm, base)."""
    changes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Assignments for single arms of this budget: (arm, assignments)."""

    def base_of(self, arm: str) -> Base:
        """Return what one arm changes."""
        return dict(self.bases).get(arm, self.base)

    def changes_of(self, arm: str) -> tuple[str, ...]:
        """Return the assignments for one arm."""
        return tuple(text for name, texts in self.changes if name == arm for text in texts)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One of the things that are compared: a recipe with changes, trained with each seed."""

    name: str
    """A few words, as a table's row shows them."""
    edits: Edits | Callable[[NetSpec], Edits] = ()
    """Rows changed, or what finds the changes for the base's own network."""
    changes: tuple[str, ...] = ()
    """Assignments `a.b=value`."""
    rates: tuple[float, ...] = ()
    """Learning rates to begin with, as factors 0.3, 1, 3, ... on the recipe's: the best is between others, and kept."""
    seeds: int | None = None
    """How many of the budget's seeds it is trained with, at most; by default all."""
    pretrained: bool = False
    """Whether it starts from the budget's pretraining, its last layer anew."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of an ensemble: that of `arm` with seed number `stride` * k + `offset` in ensemble k."""

    arm: str
    stride: int = 1
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Networks whose probabilities are averaged; there are as many as the seeds allow."""

    name: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Value:
    """A number that an arm or an ensemble has with each seed."""

    arm: str
    measure: str
    """Path in a result's measures: `test.top1_error`."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two numbers that a claim compares."""

    says: str
    """What is claimed of them, in one sentence."""
    left: Value
    right: Value
    expects: Literal["lower", "higher", "equal"]
    """What the left one is claimed to be, against the right one."""
    by: Literal["difference", "ratio"] = "difference"
    margin: float = 0.0
    """For `equal`: the largest difference that counts as none."""
    paper: str = ""
    """The published figure with its data: `-1.4 points of top-1 error, ILSVRC-2012 val`."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """How an arm's learning rate is chosen: the lowest `measure`, on a seed that no comparison uses."""

    measure: str
    """Lower is better; none of the test set's."""
    seed: int = 1000
    changes: tuple[str, ...] = ()
    """Assignments that make the trials shorter."""
    most: int = 6
    """Trials of an arm, at most, where the best is not between others before."""

    def __post_init__(self) -> None:
        if self.measure.split(".")[0] in ("test", "views"):
            raise ValueError("nothing is chosen by the test set")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A claim and all that is needed to try it."""

    name: str
    title: str
    claim: str
    """What is said, as a sentence of this program's own."""
    source: str
    """Where: paper, section; or what else it is."""
    arms: tuple[Arm, ...]
    contrasts: tuple[Contrast, ...]
    budgets: dict[BudgetName, Budget]
    ensembles: tuple[Ensemble, ...] = ()
    shown: tuple[str, ...] = ("test.top1_error",)
    """Measures that the report tabulates."""
    measures: tuple[str, ...] = ()
    """What is measured of each network besides the usual."""
    curve: str | None = None
    """The curve that the report draws, of each arm: `train_error`, `holdout_error`."""
    line: float | None = None
    """A height that the curves' picture marks."""
    crossings: tuple[tuple[str, float], ...] = ()
    """Where arms' published curves cross that height, in epochs: (arm, epochs)."""
    profiles: tuple[tuple[str, str], ...] = ()
    """Measures with a number for each layer that the report draws: (path, in words)."""
    search: Search | None = None
    caveat: str = ""
    """What the comparison cannot show, or how it differs from the paper's."""
    pictures: tuple[str, ...] = field(default=())
    """Files of a result that the report shows: `kernels.png`."""

    def __post_init__(self) -> None:
        names = {thing.name for thing in (*self.arms, *self.ensembles)}
        for contrast in self.contrasts:
            for value in (contrast.left, contrast.right):
                if value.arm not in names:
                    raise ValueError(f"{self.name}: no arm {value.arm!r}")
        if any(arm.rates for arm in self.arms) and self.search is None:
            raise ValueError(f"{self.name}: rates without a search")
