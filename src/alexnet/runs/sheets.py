"""Pictures of what is in a pack, and of what a network sees of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.data.pack.read import Pack
from alexnet.pictures.sheet import draw_contact_sheet
from alexnet.pictures.views import draw_views
from alexnet.runs.assemble import describe_pictures
from alexnet.runs.recipe import load_recipe
from alexnet.views.plan import draw_plan
from alexnet.views.train_view import subtracted_mean, train_view, with_border

_SHEET, _VIEWED, _VIEWS = 48, 8, 5


def draw_pack_sheet(pack: Pack, out: Path) -> None:
    """Draw pictures of a pack with their classes, evenly over the classes."""
    train = pack.split("train")
    order = np.argsort(train.labels, kind="stable")
    picks = order[np.linspace(0, len(order) - 1, min(_SHEET, len(order))).astype(np.int64)]
    captions = [pack.class_names[label] for label in train.labels[picks]]
    draw_contact_sheet(list(train.read(picks)), captions, out, title=str(pack.path.name))


def draw_pack_views(pack: Pack, recipe_name: str, out: Path) -> None:
    """Draw 8 pictures and the views that a recipe's training would make of them.

    Raises:
        UsageError: the recipe's crop does not fit.
    """
    recipe = load_recipe(recipe_name)
    view = recipe.view
    if view.crop > min(pack.shape[:2]) + 2 * view.pad:
        raise UsageError(
            f"recipe {recipe_name} crops {view.crop} pixels of {pack.shape[0]}-pixel pictures",
            remedy="choose another with --recipe",
        )
    train, picture = pack.split("train"), describe_pictures(pack)
    samples = np.linspace(0, len(train) - 1, min(_VIEWED, len(train))).astype(np.int64)
    originals = with_border(train.read(samples), view.pad)
    mean = subtracted_mean(view, picture)
    key = Key.from_seed(recipe.seed).derive("views")
    views = [
        train_view(originals, draw_plan(key, epoch, samples, view, picture), mean).permute(0, 2, 3, 1).numpy()
        for epoch in range(_VIEWS)
    ]
    draw_views(originals, np.stack(views, axis=1) / view.scale, out, mean=mean)
