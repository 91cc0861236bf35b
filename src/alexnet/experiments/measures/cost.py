"""What the training took."""

from __future__ import annotations

import json

from alexnet.experiments.measures.trained import Measured, Trained
from alexnet.nets.catalog import find_network
from alexnet.nets.edits import apply_edits
from alexnet.nets.summary import summarize
from alexnet.runs.recipe import Recipe


def cost(trained: Trained) -> Measured:
    """Time, memory, weights and multiplications; a machine with other work on it gives other seconds."""
    record = json.loads((trained.folder / "run.json").read_text(encoding="utf-8"))
    seconds = record.get("seconds", 0.0)
    peak = trained.peak_memory
    values = {
        "seconds": round(seconds, 2),
        "peak_memory_mb": None if peak is None else round(peak / 1e6, 1),
    }
    if isinstance(trained.recipe, Recipe):
        values |= _of_network(trained, trained.recipe, seconds)
    return Measured(values)


def _of_network(trained: Trained, recipe: Recipe, seconds: float) -> dict[str, float]:
    images = recipe.train.epochs * len(trained.portions.train)
    table = apply_edits(find_network(recipe.model.name).table, recipe.model.edits)
    shape = (trained.pack.shape[2], recipe.view.crop, recipe.view.crop)
    rows = summarize(table, shape, len(trained.pack.classes))
    return {
        "images_per_second": round(images / max(seconds, 1e-9), 1),
        "images": images,
        "parameters": sum(row.parameters for row in rows),
        "multiplications": sum(row.macs for row in rows),
    }
