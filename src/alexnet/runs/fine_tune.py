"""A recipe that goes on from another run on other pictures (paper, section 6: trained on all, then fine-tuned)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alexnet.config.load import build, merge, parse_assignment, read_toml
from alexnet.core.errors import RecipeError, UsageError
from alexnet.runs.baseline_recipe import is_baseline
from alexnet.runs.recipe import Recipe

RATE, EPOCHS = 0.1, 0.25
"""Parts of the other run's rate and epochs that fine-tuning takes: weights that are nearly right move less, and sooner
are."""


def fine_tuning(run: Path, changes: Sequence[str] = ()) -> tuple[Recipe, list[str]]:
    """Return the recipe of a run, changed so that it starts from that run's weights, and what was changed in words.

    The network, the preparation and the views are the run's; the rate is a tenth, the epochs a quarter, the schedule
    half a cosine; all pictures but `val` are trained on. `changes` are laid over all that.

    Raises:
        UsageError: the run keeps no recipe, or is a baseline.
        RecipeError: a change that is refused.
    """
    from alexnet.runs.folder import (
        RunFolder,
    )  # brings torch, which a mistyped recipe's answer should not wait for

    path = RunFolder(run).recipe
    if not path.is_file():
        raise UsageError(
            "keeps no recipe to go on with",
            where=run,
            remedy="give one: alexnet train RECIPE --init RUN --data PICTURES",
        )
    if is_baseline(path):
        raise UsageError("a baseline has no weights to start from", where=run)
    table: dict[str, Any] = {"name": path.stem, **read_toml(path)}
    before = build(Recipe, table)
    table["model"] = {
        name: value
        for name, value in table["model"].items()
        if name not in ("num_classes", "weights_layers", "init")
    }
    table["model"]["weights"] = str(run)
    table["name"] = f"{before.name}-tuned"
    epochs = max(round(EPOCHS * before.train.epochs), 1)
    table["train"] = table.get("train", {}) | {"epochs": epochs}
    optim = dict(table.get("optim", {}))
    optim["lr"] = float(f"{RATE * before.optim.lr:.6g}")
    if before.optim.bias_lr is not None:
        optim["bias_lr"] = float(f"{RATE * before.optim.bias_lr:.6g}")
    table["optim"] = optim
    # Held-out training images stood for a published test set; own pictures have a part of their own to look at.
    table["data"] = table.get("data", {}) | {"holdout": 0, "select_on": "val", "watch_val": True}
    for limit in ("limit_train", "limit_val"):
        table["data"].pop(limit, None)
    table["schedule"] = {"kind": "cosine", "warmup_epochs": min(0.5, epochs / 4), "final": 0.01}
    for change in map(parse_assignment, changes):
        table = merge(table, change)
    try:
        recipe = build(Recipe, table)
    except RecipeError as error:
        error.where = f"{path}: {error.where}" if error.where else str(path)
        raise
    return recipe, [
        f"starts from {run}: every layer, the last one only if the classes are as many",
        f"rate {recipe.optim.lr:g} (that run's: {before.optim.lr:g}), {recipe.train.epochs} epochs (that run's: "
        f"{before.train.epochs}), {recipe.schedule.kind}: weights that are nearly right move less; --set changes it",
    ]
