"""As many epochs as fit into a time."""

from __future__ import annotations

from dataclasses import replace

import torch

from alexnet.core.errors import UsageError
from alexnet.core.words import duration
from alexnet.data.pack.read import Pack
from alexnet.optim.schedule import Cosine
from alexnet.runs.assemble import assemble
from alexnet.runs.estimate import measured_apart
from alexnet.runs.recipe import Recipe

_SHARE = 0.9
"""Of the time, what epochs may take; the rest is for the start, checkpoints, pictures, and for a slower hour."""


def within(recipe: Recipe, pack: Pack, device: torch.device, seconds: float) -> tuple[Recipe, str]:
    """Return the recipe with as many epochs as fit into a time by a dozen measured steps, and why in words.

    The schedule becomes half a cosine over them: any other has its places at epochs of a longer run.

    Raises:
        UsageError: not one epoch fits.
    """
    one = replace(recipe, train=replace(recipe.train, epochs=1))
    found = measured_apart(assemble(one, pack, device))
    epochs = int(_SHARE * seconds / max(found.seconds, 1e-9))
    if epochs < 1:
        images = int(len(pack.split("train")) * _SHARE * seconds / found.seconds)
        raise UsageError(
            f"one epoch takes about {duration(found.seconds)}, more than {duration(seconds)} leave",
            where="--time",
            remedy=f"more time, a smaller network, or fewer images: --set data.limit_train={max(images, 1)}",
        )
    schedule = Cosine(warmup_epochs=min(0.5, epochs / 4), final=0.01)
    chosen = replace(recipe, schedule=schedule, train=replace(recipe.train, epochs=epochs))
    return chosen, (
        f"{duration(seconds)}: {epochs} epoch{'s' * (epochs > 1)} of about {duration(found.seconds)} "
        f"({found.images_per_second:.0f} images/s), the rate falling as half a cosine"
    )
