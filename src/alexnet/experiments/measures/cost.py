"""What the training took."""

from __future__ import annotations

import json

from alexnet.experiments.measures.trained import Measured, Trained
from alexnet.nets.catalog import find_network
from alexnet.nets.edits import apply_edits
from alexnet.nets.summary import summarize


def cost(trained: Trained) -> Measured:
    """Time, memory, weights and multiplications; a machine with other work on it gives other seconds."""
    record = json.loads((trained.folder / "run.json").read_text(encoding="utf-8"))
    recipe, seconds = trained.recipe, record.get("seconds", 0.0)
    images = recipe.train.epochs * len(trained.portions.train)
    table = apply_edits(find_network(recipe.model.name).table, recipe.model.edits)
    shape = (trained.pack.shape[2], recipe.view.crop, recipe.view.crop)
    rows = summarize(table, shape, len(trained.pack.classes))
    return Measured(
        {
            "seconds": round(seconds, 2),
            "images_per_second": round(images / max(seconds, 1e-9), 1),
            "peak_memory_mb": None if trained.peak_memory is None else round(trained.peak_memory / 1e6, 1),
            "images": images,
            "parameters": sum(row.parameters for row in rows),
            "multiplications": sum(row.macs for row in rows),
        }
    )
