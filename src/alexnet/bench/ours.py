"""Our side of every benchmark, by the way that `alexnet train`, `alexnet evaluate` and `alexnet pack` take.

Everything is imported after the allocator is set, as in the command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alexnet.bench.own_run import RECIPES, parts_of, whole_batches, words
from alexnet.bench.pixels import CIFAR_COUNT, SIDE
from alexnet.bench.task import Task, Work

if TYPE_CHECKING:
    from alexnet.runs.assemble import Parts
    from alexnet.training.feed import Batch

_VIEWED = 1024


def train(task: Task) -> Work:
    """Take steps of a run that `runs/assemble.py` has put together."""
    if task.device == "cuda" and task.net not in RECIPES and _has_kernels():
        from alexnet.bench import ours_gpu

        return ours_gpu.train(task)
    parts = parts_of(task, CIFAR_COUNT if task.net in RECIPES else 2 * task.batch)
    from alexnet.training.step import train_step

    learner = parts.learner
    batches = _epochs(parts) if task.net in RECIPES else _resident(parts)
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


def _epochs(parts: Parts) -> Iterator[Batch]:
    for batch in whole_batches(parts.feed):
        yield batch.to(parts.learner.device)


def _resident(parts: Parts) -> Iterator[Batch]:
    """Yield two batches in turn, on the device already."""
    kept = [batch.to(parts.learner.device) for batch in parts.feed.batches(0)]
    while True:
        yield from kept


def _has_kernels() -> bool:
    import torch

    from alexnet.gpu.available import available

    return available(torch.device("cuda"))
