"""Our side of every benchmark, by the way that `alexnet train`, `alexnet evaluate` and `alexnet pack` take.

Everything is imported after the allocator is set, as in the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    if task.device == "cuda" and task.net not in _RECIPES and _has_kernels():
        from alexnet.bench import ours_gpu

        return ours_gpu.train(task)
    parts = parts_of(task, CIFAR_COUNT if task.net in _RECIPES else 2 * task.batch)
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

    return Work(run, task.batch, f"recipe {parts.recipe.name}, {words(task)}", check)


def feed(task: Task) -> Work:
    """Train from random pictures, loading included."""
    from alexnet.bench import ours_gpu

    return ours_gpu.feed(task)


def infer(task: Task) -> Work:
    """Classify packed pixels as `alexnet evaluate` does, one view of each."""
    parts = parts_of(task, task.batch)
    parts.classifier.net.eval()
    pictures = parts.pack.split("train").read(parts.portions.train[: task.batch])
    last: list[Any] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            last[:] = [parts.classifier.probabilities(pictures, 1)]

    return Work(run, task.batch, words(task), lambda: {"sum": float(last[0].sum()) / task.batch})


def view(task: Task) -> Work:
    """Draw training views from a pack as a run's feed does, with a worker for each core."""
    import numpy as np
    import torch

    parts = parts_of(task, _VIEWED)
    from alexnet.training.feed import Feed

    feed = parts.feed
    many, config = np.tile(feed.indices, 64), replace(parts.recipe.train, workers=torch.get_num_threads())
    feed = Feed(feed.images, many, feed.view, feed.picture, feed.key, config, feed.dtype)
    following = whole_batches(feed)
    last: list[Batch] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            last[:] = [next(following)]

    text = (
        f"a run's feed over a pack, {feed.workers} workers, color noise {feed.view.color_noise}, {words(task)}"
    )
    return Work(run, task.batch, text, lambda: {"mean": float(last[0].inputs.float().mean())})


def pack(task: Task) -> Work:
    """Decode and prepare photographs as a packing process does."""
    from alexnet.bench.peers.photographs import read_photographs
    from alexnet.data.decode import decode
    from alexnet.data.prepare import prepare

    files = read_photographs(task)
    last: list[Any] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            last[:] = [prepare(decode(data, channels=3).pixels, SIDE) for data in files]

    return Work(run, len(files), "decode and prepare, 1 thread", lambda: {"mean": float(last[-1].mean())})


def parts_of(task: Task, pictures: int, changes: Mapping[str, Any] | None = None) -> Parts:
    """Assemble a run on random pixels, packed into the task's folder; `changes` of the recipe come last."""
    keep_freed_memory()
    from alexnet.bench.random_source import pack_random
    from alexnet.config.load import merge
    from alexnet.runs.assemble import assemble
    from alexnet.runs.devices import choose_device
    from alexnet.runs.recipe import load_recipe

    name = _RECIPES.get(task.net, "alexnet")
    classes, side = (10, CIFAR_SIDE) if task.net in _RECIPES else (_CLASSES, SIDE)
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


def _epochs(parts: Parts) -> Iterator[Batch]:
    for batch in whole_batches(parts.feed):
        yield batch.to(parts.learner.device)


def whole_batches(feed: Any) -> Iterator[Any]:
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


def words(task: Task) -> str:
    """Say how our side computes."""
    import torch

    from alexnet.ops import native

    kernels = "compiled kernels" if native.available() else "torch alone"
    return f"{'bfloat16' if task.bfloat16 else 'float32'}, {kernels}, {torch.get_num_threads()} threads"


def _has_kernels() -> bool:
    import torch

    from alexnet.gpu.available import available

    return available(torch.device("cuda"))
