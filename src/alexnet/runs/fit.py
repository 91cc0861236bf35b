"""Training from Python, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alexnet.config.load import merge
from alexnet.core.allocator import keep_freed_memory
from alexnet.data.sources.options import SourceOptions
from alexnet.nets.own import Factory, make_known, name_of
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
    model: Factory | str | Mapping[str, Any] | None = None,
    **overrides: Any,
) -> RunResult:
    """Train a recipe on data and return what the run left.

    Args:
        recipe: Name of a packaged recipe, path of a TOML file, or a `Recipe`.
        data: A pack, a source (packed once into the cache, in this process), or a known name.
        output_dir: Folder of the run; by default a new one under `runs/`.
        device: `auto`, `cpu`, `cuda`, `mps`.
        model: What makes a network of your own in place of the recipe's: called as `model(num_classes=10)`, it gives a
            `torch.nn.Module` from pictures (N, C, crop, crop) to logits (N, num_classes). Or `package.module:factory`.
            A dictionary is the recipe's `model` table.
        overrides: Recipe values: `epochs=3`, `batch_size=64`, `lr=0.02`, `seed=1`, or whole tables such as
            `view={"mirror": False}`.

    Raises:
        AlexNetError: one of its kinds.
    """
    keep_freed_memory()
    if isinstance(model, Mapping):
        overrides, model = overrides | {"model": model}, None
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
    if model is not None:
        name = model if isinstance(model, str) else name_of(model)
        make_known(name, model)
        recipe = recipe.with_own_network(name)
    options = SourceOptions(val_fraction=recipe.data.val_fraction, seed=recipe.seed)
    pack = open_data(data, recipe.data, options, num_classes=recipe.model.num_classes, workers=1)
    folder = Path(output_dir) if output_dir else new_run_folder(recipe.name)
    return start(recipe, pack, folder, choose_device(device, recipe.train.threads))
