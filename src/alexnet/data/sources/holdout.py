"""A validation part for sources that have none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alexnet.core.keys import Key
from alexnet.data.sources.options import SourceOptions
from alexnet.data.sources.part import Part
from alexnet.data.sources.picture_source import IdentifiedSplit


def with_held_out(
    pictures: IdentifiedSplit, classes: Sequence[str], options: SourceOptions
) -> dict[str, IdentifiedSplit]:
    """Return `train` and `val`, or `train` alone where nothing is to be or can be set aside."""
    chosen = held_out(pictures.labels, classes, options)
    if not chosen.any():
        return {"train": pictures}
    return {"train": Part(pictures, np.flatnonzero(~chosen)), "val": Part(pictures, np.flatnonzero(chosen))}


def held_out(labels: np.ndarray, classes: Sequence[str], options: SourceOptions) -> np.ndarray:
    """Choose the pictures that become `val`: the same part of every class, by the seed.

    The choice within a class depends only on the seed, the class id and the number of its pictures, so that
    adding a class leaves the others' parts as they were. A class of two pictures or more has at least one in
    each part.

    Args:
        labels: (N,) class indices.
        classes: Class ids.

    Returns:
        bool (N,): True for `val`. All False when `options.val_fraction` is 0.
    """
    chosen = np.zeros(len(labels), bool)
    if not options.val_fraction or not len(labels):
        return chosen
    key = Key.from_seed(options.seed).derive("held out")
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(labels, minlength=len(classes)))[:-1])
    for class_id, own in zip(classes, groups, strict=True):
        count = min(max(round(options.val_fraction * len(own)), 1), len(own) - 1)
        if count > 0:
            # In hexadecimal: a class id may hold bytes that are no text.
            purpose = class_id.encode("utf-8", "surrogateescape").hex()
            chosen[own[key.derive(purpose).permutation(0, len(own))[:count]]] = True
    return chosen
