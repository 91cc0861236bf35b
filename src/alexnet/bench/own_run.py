"""A run on random pixels, put together as `alexnet train` does, for our side of the benchmarks.

Everything is imported after the allocator is set, as in the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.bench.pixels import CIFAR_SIDE, SIDE
from alexnet.bench.task import Task
from alexnet.core.allocator import keep_freed_memory

if TYPE_CHECKING:
    from alexnet.runs.assemble import Parts

_CLASSES = 1000
RECIPES = {"cifar10_19pct": "cifar10-19pct"}
"""Recipes of networks that are not trained as `alexnet` is."""


def parts_of(task: Task, pictures: int, changes: Mapping[str, Any] | None = None) -> Parts:
    """Assemble a run on random pixels, packed into the task's folder; `changes` of the recipe come last."""
    keep_freed_memory()
    from alexnet.bench.random_source import pack_random
    from alexnet.config.load import merge
    from alexnet.runs.assemble import assemble
    from alexnet.runs.devices import choose_device
    from alexnet.runs.recipe import load_recipe

    name = RECIPES.get(task.net, "alexnet")
    classes, side = (10, CIFAR_SIDE) if task.net in RECIPES else (_CLASSES, SIDE)
    own = {
        "train": {"precision": "bfloat16" if task.bfloat16 else "float32", "batch_size": task.batch},
        "data": {"select_on": "none", "holdout": 0},
        # Random labels teach nothing: small steps stay finite for as long as a benchmark takes.
        "optim": {"lr": 0.0001},
        "model": {"name": task.net, "init": "quick" if task.net == "alexnet" else "own"},
    }
    recipe = load_recipe(name, merge(own, changes or {}))
    device = choose_device(task.device, recipe.train.threads)
    return assemble(recipe, pack_random(Path(task.folder) / "pack", pictures, side, classes), device)


def whole_batches(feed: Any) -> Iterator[Any]:
    """Yield the batches of epoch after epoch, without the last one where it is smaller."""
    epoch = 0
    while True:
        yield from (batch for batch in feed.batches(epoch) if len(batch) == feed.batch_size)
        epoch += 1


def words(task: Task) -> str:
    """Say how our side computes."""
    import torch

    from alexnet.ops import native

    kernels = "compiled kernels" if native.available() else "torch alone"
    return f"{'bfloat16' if task.bfloat16 else 'float32'}, {kernels}, {torch.get_num_threads()} threads"
