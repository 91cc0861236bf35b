"""The packs that networks need, by what a person calls the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from alexnet.core.errors import AlexNetError, UsageError
from alexnet.data.sources.options import SourceOptions
from alexnet.experiments.order import PackKey, pack_key
from alexnet.experiments.part import Network
from alexnet.runs.data import open_data
from alexnet.runs.recipe import Recipe

_SEED = 0
"""Of a source's split into training and test images: the same for every network."""


def read_places(given: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return where each data is, from `NAME=WHERE` and, where a single data is needed, `WHERE`.

    Raises:
        UsageError: a name that no network needs, or a place without a name where several are needed.
    """
    needed = sorted(set(names))
    places = {}
    for text in given:
        name, equals, where = text.partition("=")
        if not equals:
            if len(needed) != 1:
                raise UsageError(
                    f"--data {text} does not say which data it is",
                    remedy=f"write --data NAME={text}; needed: {', '.join(needed)}",
                )
            name, where = needed[0], text
        if name not in needed:
            raise UsageError(f"no network needs the data {name!r}", remedy=f"needed: {', '.join(needed)}")
        places[name] = where
    return places


def open_packs(networks: Iterable[Network], places: Mapping[str, str]) -> dict[PackKey, Path]:
    """Open, or make, a pack for every network.

    Args:
        places: Where each data is; by default its name says it.

    Raises:
        AlexNetError: some data cannot be used; names it and how to give another place.
    """
    recipes: dict[PackKey, Recipe] = {}
    for network in networks:
        for one in network.all():
            recipes.setdefault(pack_key(one), one.recipe)
    packs = {}
    for key, recipe in sorted(recipes.items(), key=lambda item: str(item[0])):
        name = key[0]
        try:
            options = SourceOptions(val_fraction=recipe.data.val_fraction, seed=_SEED)
            packs[key] = open_data(places.get(name, name), recipe.data, options).path
        except AlexNetError as error:
            error.remedy = error.remedy or f"say where it is: --data {name}=WHERE"
            raise
    return packs
