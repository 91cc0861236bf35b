"""A recipe: everything that decides a run, in one frozen value."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from alexnet.config.load import build, merge, parse_assignment, read_toml, to_table, to_toml
from alexnet.core.errors import RecipeError
from alexnet.core.names import nearest
from alexnet.nets.edits import Change, Insert, Remove
from alexnet.optim.config import OptimConfig
from alexnet.optim.schedule import Constant, Plateau, Schedule
from alexnet.training.config import CheckpointConfig, TrainConfig
from alexnet.views.config import ViewConfig


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which network, and how it starts."""

    name: str = "alexnet"
    """As in `alexnet.list_models()`."""
    init: str = "own"
    """Initial weights: `own` as the definition says; AlexNet also `paper`, `config145`, `caffe`, `quick`."""
    num_classes: int | None = None
    """Outputs; by default those of the data. Stated, it must equal them."""
    edits: tuple[Remove | Change | Insert, ...] = ()
    """Layers removed, changed or added, in order."""
    weights: str | None = None
    """A run, checkpoint or file of weights to start from; a last layer with other classes starts anew."""
    weights_layers: tuple[str, ...] = ()
    """The layers to take from `weights`; by default all. A recipe that states them does not start without."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How pictures are prepared once, and which of them choose."""

    size: int | Literal["native"] = 256
    """Side of the prepared square in pixels; `native` keeps small pictures as they are."""
    filter: Literal["bilinear", "area"] = "bilinear"
    """Resampling: Pillow's antialiased bilinear, or the author's rule of 2014."""
    encoding: Literal["raw", "jpeg"] = "raw"
    """How a pack that is made for this recipe stores pictures."""
    channels: Literal[1, 3] | None = None
    """3 for color, 1 for gray; by default as the source has them."""
    val_fraction: float = 0.1
    """Part of a source without a `val` split that becomes one; the same part for the same `seed`."""
    holdout: int = 0
    """Training images held out of training; they choose in place of `val` where that is a published test set."""
    select_on: Literal["val", "holdout", "none"] = "val"
    """Whose error plateau, best and early stop look at."""
    watch_val: bool = True
    """Evaluate `val` after each epoch, to look at."""
    limit_train: int | None = None
    """Train on this many images only, to try something out."""
    limit_val: int | None = None
    """Evaluate on this many images only, to try something out."""
    resident: Literal["no", "rgb", "yuv"] = "no"
    """With graphed steps: hold the training pictures in the GPU's memory, as they are (and the held-out ones with them)
    or as YUV 4:2:0 in half the room, whose colors are of 2 x 2 pixels. `no`: stream them as bytes, which takes several
    `train.workers` and as many batches ahead."""

    def __post_init__(self) -> None:
        if self.holdout < 0 or not 0 < self.val_fraction < 1:
            raise ValueError("holdout must not be negative, val_fraction must be between 0 and 1")
        if self.select_on == "holdout" and not self.holdout:
            raise ValueError('select_on = "holdout" needs holdout images')


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """The published protocol of the task."""

    views: Literal[1, 5, 9, 10] = 1
    """Crops of each picture whose probabilities are averaged."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A complete description of a run."""

    name: str
    """The recipe's name."""
    summary: str = ""
    """What it reproduces, in one line."""
    seed: int = 0
    """Root of all randomness of the run."""
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    view: ViewConfig = field(default_factory=ViewConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    schedule: Schedule = field(default_factory=Constant)
    train: TrainConfig = field(default_factory=TrainConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)

    def __post_init__(self) -> None:
        if isinstance(self.schedule, Plateau) and self.data.select_on == "none":
            raise ValueError('schedule "plateau" needs a selection error: data.select_on is "none"')
        if isinstance(self.data.size, int) and self.view.crop > self.data.size + 2 * self.view.pad:
            raise ValueError(f"view.crop {self.view.crop} does not fit into data.size {self.data.size}")

        if self.data.resident != "no":
            if self.train.step != "graphed" or self.train.micro_batch_size is not None:
                raise ValueError('data.resident needs train.step = "graphed" and no train.micro_batch_size')
            if self.view.warps:
                raise ValueError("resident pictures are not turned: view.rotation_degrees, view.translation")

    def to_toml(self) -> str:
        """Return the recipe with every value written out."""
        return to_toml(to_table(self))

    def with_own_network(self, name: str) -> Recipe:
        """Return the recipe for a network of somebody's own; what it says of its layers by name is left out.

        Args:
            name: As `alexnet.nets.own.name_of` gives it.
        """
        model = ModelConfig(name=name, num_classes=self.model.num_classes, weights=self.model.weights)
        return replace(self, model=model, optim=replace(self.optim, layers={}))

    def digest(self) -> str:
        """Return a SHA-256 of all that decides the run's numbers."""
        return hashlib.sha256(self.to_toml().encode()).hexdigest()


def recipe_names() -> list[str]:
    """Return the names of the recipes in the package, sorted."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def recipe_text(name: str) -> str:
    """Return a packaged recipe's file, its header included.

    Raises:
        RecipeError: there is none of this name; gives the nearest.
    """
    plain = name.replace("_", "-").lower()
    if plain not in recipe_names():
        raise RecipeError(f"there is no recipe {name!r}", remedy=nearest(name, recipe_names()))
    return (_folder() / f"{plain}.toml").read_text(encoding="utf-8")


def load_recipe(where: str | Path, changes: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """Load a recipe by the name of a packaged one or the path of a TOML file, and apply changes.

    Args:
        where: Name or path.
        changes: `a.b=value` assignments, or a table of them, laid over the file in order.

    Raises:
        RecipeError: no such recipe, unknown key (with the nearest one), wrong type or refused value.
    """
    table = _resolved(where, ())
    for change in [changes] if isinstance(changes, Mapping) else map(parse_assignment, changes):
        table = merge(table, change)
    return build(Recipe, table)


def _resolved(where: str | Path, heirs: tuple[str | Path, ...]) -> dict[str, Any]:
    """Return a recipe's table laid over those it extends."""
    table = _read(where)
    base = table.pop("extends", None)
    if base is None:
        return table
    try:
        parent = base if base in recipe_names() else (Path(where).parent / base).resolve()
    except (TypeError, ValueError):
        raise RecipeError("is neither a recipe's name nor a path", where="extends") from None
    if parent in heirs:
        raise RecipeError("recipes extend one another in a circle", where=base)
    return merge(_resolved(parent, (*heirs, parent)), table)


def _read(where: str | Path) -> dict[str, Any]:
    path = Path(where)
    try:
        is_file = path.suffix == ".toml" or path.is_file()
    except OSError as error:
        raise RecipeError(f"cannot be read ({error.strerror})", where=path) from None
    if is_file:
        table = read_toml(path)
        name = path.stem
    else:
        import tomllib

        table = tomllib.loads(recipe_text(str(where)))
        name = str(where).replace("_", "-").lower()
    return {"name": name, **table}


def _folder() -> Any:
    return resources.files("alexnet") / "recipes"
