"""Puts together a run whose steps are a CUDA graph and whose views are made on the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from alexnet.core.errors import RecipeError
from alexnet.gpu.available import available
from alexnet.nets.gpu_forward import GpuForward
from alexnet.runs.loader import Loader
from alexnet.runs.look import Look
from alexnet.runs.recipe import Recipe
from alexnet.training.drawn_feed import DrawnFeed
from alexnet.training.feed import Feed, Images
from alexnet.training.fit import Learner
from alexnet.training.graphed import GraphedStepper, Input

_READERS = 4
"""Threads that read held-out images, and those that are loaded: at least."""
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


def graphed(
    recipe: Recipe, learner: Learner, feed: Feed, held_out: Mapping[str, tuple[Images, np.ndarray]]
) -> tuple[Learner, DrawnFeed, Look]:
    """Return a learner and a feed of the same run on the fast path, and how it looks at held-out images.

    Where training pictures lie on the device as they are, the held-out ones do too. Beside pictures in YUV 4:2:0 they
    are streamed: they are looked at with all their colors.

    Args:
        held_out: Images and indices of each validation, by its name.

    Raises:
        RecipeError: the kernels do not run on the learner's device.
        UsageError: the pictures do not fit into its memory.
        DataError: they cannot be held in the form that the recipe names.
        StoppedError: a signal came while they were loaded.
    """
    device, kind = learner.device, recipe.data.resident
    require_kernels(device)
    loader = Loader(feed.picture.shape, device, max(_READERS, recipe.train.workers))
    reserve = _RESERVE + _PER_VALUE * recipe.train.batch_size * feed.mean.size
    hold = partial(loader.hold, planes=kind == "yuv", reserve=reserve)
    rows, pictures, looked_at = None, None, {}
    if kind != "no":
        held = hold(feed.images, feed.indices, name="training images")
        rows, pictures = held.row_of, held.pictures
    if kind == "rgb":
        looked_at = {name: hold(*images, name=f"{name} images") for name, images in held_out.items()}
    arguments = feed.images, feed.indices, feed.view, feed.picture, feed.key, recipe.train
    drawn = DrawnFeed(*arguments, resident_rows=rows, pinned=device.type == "cuda")
    mean = torch.from_numpy(feed.mean).to(device)
    source, look = Input(feed.picture.shape, mean, feed.view.pad, pictures), Look(loader, looked_at)
    return replace(learner, steps=partial(graphed_stepper, learner, source)), drawn, look


def graphed_stepper(learner: Learner, source: Input) -> GraphedStepper:
    """Return what takes a learner's steps as a graph."""
    dtype = torch.bfloat16 if learner.config.precision == "bfloat16" else torch.float32
    forward = GpuForward(learner.net, learner.key.derive("dropout"), dtype)
    return GraphedStepper(forward, learner.optimizer, source, learner.config.batch_size)
