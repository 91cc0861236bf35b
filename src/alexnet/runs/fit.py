"""Training from Python, in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alexnet.config.load import merge
from alexnet.core.allocator import keep_freed_memory
from alexnet.data.sources.options import SourceOptions
from alexnet.runs.data import open_data
from alexnet.runs.devices import choose_device
from alexnet.runs.places import new_run_folder
from alexnet.runs.recipe import Recipe, load_recipe
from alexnet.runs.train import RunResult, start

_SHORT = {
    "epochs": "train",
    "batch_size": "train",
    "micro_batch_size": "train",
    "precision": "train",
    "lr": "optim",
}


def fit(
    recipe: str | Path | Recipe,
    *,
    data: str | Path,
    output_dir: str | Path | None = None,
    device: str = "auto",
    **overrides: Any,
) -> RunResult:
    """Train a recipe on data and return what the run left.

    Args:
        recipe: Name of a packaged recipe, path of a TOML file, or a `Recipe`.
        data: A pack, a source (packed once into the cache, in this process), or a known name.
        output_dir: Folder of the run; by default a new one under `runs/`.
        device: `auto`, `cpu`, `cuda`, `mps`.
        overrides: Recipe values: `epochs=3`, `batch_size=64`, `lr=0.02`, `seed=1`, or whole tables such as
            `view={"mirror": False}`.

    Raises:
        AlexNetError: one of its kinds.
    """
    keep_freed_memory()
    if not isinstance(recipe, Recipe):
        table: dict[str, Any] = {}
        for name, value in overrides.items():
            if name in _SHORT:
                table = merge(table, {_SHORT[name]: {name: value}})
            else:
                table = merge(table, {name: value})
        recipe = load_recipe(recipe, table)
    elif overrides:
        raise TypeError("overrides go with a recipe's name or path, not with a Recipe")
    options = SourceOptions(val_fraction=recipe.data.val_fraction, seed=recipe.seed)
    pack = open_data(data, recipe.data, options, num_classes=recipe.model.num_classes, workers=1)
    folder = Path(output_dir) if output_dir else new_run_folder(recipe.name)
    return start(recipe, pack, folder, choose_device(device, recipe.train.threads))
