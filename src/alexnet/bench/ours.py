"""Our side of every benchmark, by the way that `alexnet train`, `alexnet evaluate` and `alexnet pack` take.

Everything is imported after the allocator is set, as in the command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.bench.pixels import CIFAR_COUNT, CIFAR_SIDE, SIDE
from alexnet.bench.task import Task, Work
from alexnet.core.allocator import keep_freed_memory

if TYPE_CHECKING:
    from alexnet.runs.assemble import Parts
    from alexnet.training.feed import Batch

_CLASSES, _VIEWED = 1000, 1024
_RECIPES = {"cifar10_19pct": "cifar10-19pct"}


def train(task: Task) -> Work:
    """Take steps of a run that `runs/assemble.py` has put together."""
    parts = _parts(task, CIFAR_COUNT if task.net in _RECIPES else 2 * task.batch)
    from alexnet.training.step import train_step

    learner = parts.learner
    batches = _epochs(parts) if task.net in _RECIPES else _resident(parts)
    losses: list[float] = []

    def run(iterations: int) -> None:
        learner.net.train()
        for _ in range(iterations):
            result = train_step(
                learner.net,
                learner.optimizer,
                next(batches),
                learner.config,
                key=learner.key,
                step=len(losses),
            )
            losses.append(result.loss)

    def check() -> dict[str, float]:
        gradients = [float(p.grad.abs().max()) for p in learner.net.parameters()]
        return {"loss": losses[-1], "smallest_gradient": min(gradients)}

    return Work(run, task.batch, f"recipe {parts.recipe.name}, {_words(task)}", check)


def infer(task: Task) -> Work:
    """Classify packed pixels as `alexnet evaluate` does, one view of each."""
    parts = _parts(task, task.batch)
    parts.classifier.net.eval()
    pictures = parts.pack.split("train").read(parts.portions.train[: task.batch])
    last: list[Any] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            last[:] = [parts.classifier.probabilities(pictures, 1)]

    return Work(run, task.batch, _words(task), lambda: {"sum": float(last[0].sum()) / task.batch})


def view(task: Task) -> Work:
    """Draw training views from a pack as a run's feed does, with a worker for each core."""
    import numpy as np
    import torch

    parts = _parts(task, _VIEWED)
    from alexnet.training.feed import Feed

    feed = parts.feed
    many, config = np.tile(feed.indices, 64), replace(parts.recipe.train, workers=torch.get_num_threads())
    feed = Feed(feed.images, many, feed.view, feed.picture, feed.key, config, feed.dtype)
    batches = _batches(feed)
    last: list[Batch] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            last[:] = [next(batches)]

    words = (
        f"a run's feed over a pack, {feed.workers} workers, color noise {feed.view.color_noise}, {_words(task)}"
    )
    return Work(run, task.batch, words, lambda: {"mean": float(last[0].inputs.float().mean())})


def pack(task: Task) -> Work:
    """Decode and prepare photographs as a packing process does."""
    from alexnet.bench.peers.photographs import read_photographs
    from alexnet.data.decode import decode
    from alexnet.data.prepare import prepare

    files = read_photographs(task.photographs)
    last: list[Any] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            last[:] = [prepare(decode(data, channels=3).pixels, SIDE) for data in files]

    return Work(run, len(files), "decode and prepare, 1 thread", lambda: {"mean": float(last[-1].mean())})


def _parts(task: Task, pictures: int) -> Parts:
    """Assemble a run on random pixels, packed into the task's folder."""
    keep_freed_memory()
    from alexnet.bench.random_source import pack_random
    from alexnet.runs.assemble import assemble
    from alexnet.runs.devices import choose_device
    from alexnet.runs.recipe import load_recipe

    name = _RECIPES.get(task.net, "alexnet")
    classes, side = (10, CIFAR_SIDE) if task.net in _RECIPES else (_CLASSES, SIDE)
    changes = {
        "train": {"precision": "bfloat16" if task.bfloat16 else "float32", "batch_size": task.batch},
        "data": {"select_on": "none", "holdout": 0},
        # Random labels teach nothing: small steps stay finite for as long as a benchmark takes.
        "optim": {"lr": 0.0001},
        "model": {"name": task.net, "init": "quick" if task.net == "alexnet" else "own"},
    }
    recipe = load_recipe(name, changes)
    device = choose_device(task.device, recipe.train.threads)
    return assemble(recipe, pack_random(Path(task.folder) / "pack", pictures, side, classes), device)


def _epochs(parts: Parts) -> Iterator[Batch]:
    for batch in _batches(parts.feed):
        yield batch.to(parts.learner.device)


def _batches(feed: Any) -> Iterator[Batch]:
    """Yield the batches of epoch after epoch, without the last one where it is smaller."""
    epoch = 0
    while True:
        yield from (batch for batch in feed.batches(epoch) if len(batch) == feed.batch_size)
        epoch += 1


def _resident(parts: Parts) -> Iterator[Batch]:
    """Yield two batches in turn, on the device already."""
    kept = [batch.to(parts.learner.device) for batch in parts.feed.batches(0)]
    while True:
        yield from kept


def _words(task: Task) -> str:
    import torch

    from alexnet.ops import native

    kernels = "compiled kernels" if native.available() else "torch alone"
    return f"{'bfloat16' if task.bfloat16 else 'float32'}, {kernels}, {torch.get_num_threads()} threads"
