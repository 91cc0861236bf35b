"""Puts together a run whose steps are a CUDA graph and whose views are made on the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np
import torch

from alexnet.core.errors import RecipeError
from alexnet.gpu.available import available
from alexnet.gpu.resident import Resident, load_resident
from alexnet.nets.gpu_forward import GpuForward
from alexnet.runs.recipe import Recipe
from alexnet.training.drawn_feed import DrawnFeed
from alexnet.training.feed import Feed, Images
from alexnet.training.fit import Learner
from alexnet.training.graphed import GraphedStepper, Input

_PORTION, _AHEAD = 512, 4
"""Pictures read at once while they are brought to the device, and portions read ahead."""
_RESERVE, _PER_VALUE = 1_500_000_000, 80
"""Bytes that a run needs besides its pictures: of any size, and for each value of a batch's input. By count."""


def is_graphed(recipe: Recipe) -> bool:
    """Say whether a recipe's steps are a graph; those of a batch in parts never are."""
    return recipe.train.step == "graphed" and recipe.train.micro_batch_size is None


def require_kernels(device: torch.device) -> None:
    """Refuse a device on which the kernels do not run.

    Raises:
        RecipeError: says what is missing.
    """
    if available(device):
        return
    remedy = "--set train.step=plain --set data.resident=no"
    if device.type != "cuda":
        raise RecipeError(
            f"graphed steps need a CUDA device, not {device.type}", where="train.step", remedy=remedy
        )
    raise RecipeError(
        "graphed steps need Triton and a GPU of compute capability 8.0 or newer",
        where="train.step",
        remedy=f"pip install triton, or {remedy}",
    )


def graphed(recipe: Recipe, learner: Learner, feed: Feed) -> tuple[Learner, DrawnFeed]:
    """Return a learner and a feed of the same run on the fast path.

    Raises:
        RecipeError: the kernels do not run on the learner's device.
        UsageError: the pictures do not fit into its memory.
        DataError: they cannot be held in the form that the recipe names.
    """
    device = learner.device
    require_kernels(device)
    rows, resident = None, None
    if recipe.data.resident != "no":
        held = np.sort(feed.indices)
        rows = np.full(len(feed.images), -1)
        rows[held] = np.arange(len(held))
        resident = _loaded(recipe, feed, held, device)
    arguments = feed.images, feed.indices, feed.view, feed.picture, feed.key, recipe.train
    drawn = DrawnFeed(*arguments, resident_rows=rows, pinned=device.type == "cuda")
    mean = torch.from_numpy(feed.mean).to(device)
    source = Input(feed.picture.shape, mean, feed.view.pad, resident)
    return replace(learner, steps=partial(graphed_stepper, learner, source)), drawn


def graphed_stepper(learner: Learner, source: Input) -> GraphedStepper:
    """Return what takes a learner's steps as a graph."""
    dtype = torch.bfloat16 if learner.config.precision == "bfloat16" else torch.float32
    forward = GpuForward(learner.net, learner.key.derive("dropout"), dtype)
    return GraphedStepper(forward, learner.optimizer, source, learner.config.batch_size)


def _loaded(recipe: Recipe, feed: Feed, held: np.ndarray, device: torch.device) -> Resident:
    values = recipe.train.batch_size * feed.mean.size
    with ThreadPoolExecutor(max(_AHEAD, recipe.train.workers), "alexnet-load") as pool:
        return load_resident(
            _portions(feed.images, held, pool),
            feed.images.labels[held],
            feed.picture.shape,
            device,
            planes=recipe.data.resident == "yuv",
            reserve=_RESERVE + _PER_VALUE * values,
        )


def _portions(images: Images, held: np.ndarray, pool: ThreadPoolExecutor) -> Iterator[np.ndarray]:
    """Yield pictures in order, some portions read ahead."""
    waiting: deque = deque()
    starts = range(0, len(held), _PORTION)
    for start in chain(starts, [None] * _AHEAD):
        if start is not None:
            waiting.append(pool.submit(images.read, held[start : start + _PORTION]))
        if waiting and (start is None or len(waiting) > _AHEAD):
            yield waiting.popleft().result()
