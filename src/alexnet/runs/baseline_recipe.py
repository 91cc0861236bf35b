"""A recipe of what came before: features that are not learned from labels, and a linear classifier."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from alexnet.classic.config import LocalConfig, SparseCodingConfig
from alexnet.config.load import build, merge, parse_assignment, read_toml, to_table, to_toml
from alexnet.core.errors import RecipeError
from alexnet.core.names import nearest
from alexnet.runs.recipe import DataConfig, recipe_names


@dataclass(frozen=True, kw_only=True)
class SvmConfig:
    """The linear classifier: one class against the rest, squared hinge losses."""

    costs: tuple[float, ...] = (3e-4, 1e-3)
    """Weights of the losses to choose from, by the error on the held-out images."""
    iterations: int = 100
    """Most steps of L-BFGS."""

    def __post_init__(self) -> None:
        if not self.costs or not all(cost > 0 for cost in self.costs) or self.iterations < 1:
            raise ValueError("costs must be positive and at least one, iterations at least 1")


@dataclass(frozen=True, kw_only=True)
class BaselineRecipe:
    """A complete description of a baseline."""

    kind: ClassVar[str] = "baseline"
    name: str
    summary: str = ""
    """What it reproduces, in one line."""
    seed: int = 0
    """Root of all randomness."""
    data: DataConfig = field(default_factory=lambda: DataConfig(holdout=1000, select_on="holdout"))
    features: tuple[LocalConfig | SparseCodingConfig, ...]
    """Channels: each has a classifier, whose scores are averaged."""
    svm: SvmConfig = field(default_factory=SvmConfig)
    images: int = 10_000
    """Training pictures that features are learned from, at most."""

    def __post_init__(self) -> None:
        if not self.features:
            raise ValueError("features: at least one channel is needed")
        if self.data.select_on != "holdout":
            raise ValueError('a baseline chooses by held-out images: data.select_on = "holdout"')

    def to_toml(self) -> str:
        """Return the recipe with every value written out."""
        return to_toml(to_table(self))

    def digest(self) -> str:
        """Return a SHA-256 of all that decides the numbers."""
        return hashlib.sha256(self.to_toml().encode()).hexdigest()


def baseline_names() -> list[str]:
    """Return the names of the baselines in the package, sorted."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def is_baseline(where: str | Path) -> bool:
    """Say whether a recipe is a baseline's: a packaged name, or a file with `kind = "baseline"`."""
    path = Path(where)
    if path.suffix == ".toml" and path.is_file():
        return read_toml(path).get("kind") == "baseline"
    return str(where).replace("_", "-").lower() in baseline_names()


def baseline_text(name: str) -> str:
    """Return a packaged baseline's file, its header included.

    Raises:
        RecipeError: there is none of this name; gives the nearest.
    """
    plain = name.replace("_", "-").lower()
    if plain not in baseline_names():
        known = [*baseline_names(), *recipe_names()]
        raise RecipeError(f"there is no recipe {name!r}", remedy=nearest(name, known))
    return (_folder() / f"{plain}.toml").read_text(encoding="utf-8")


def load_baseline(where: str | Path, changes: Sequence[str] | Mapping[str, Any] = ()) -> BaselineRecipe:
    """Load a baseline's recipe by name or path, and apply changes.

    Raises:
        RecipeError: no such recipe, unknown key (with the nearest one), wrong type or refused value.
    """
    path = Path(where)
    if path.suffix == ".toml":
        table, name = read_toml(path), path.stem
    else:
        table, name = tomllib.loads(baseline_text(str(where))), str(where).replace("_", "-").lower()
    table = {"name": name, **table}
    for change in [changes] if isinstance(changes, Mapping) else map(parse_assignment, changes):
        table = merge(table, change)
    return build(BaselineRecipe, table)


def _folder() -> Any:
    return resources.files("alexnet") / "recipes" / "baselines"
