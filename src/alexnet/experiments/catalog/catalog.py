"""Every experiment by its name."""

from __future__ import annotations

from alexnet.core.errors import UsageError
from alexnet.core.names import nearest
from alexnet.experiments.catalog import (
    baselines,
    depth,
    figures,
    layers,
    questions,
    regularizers,
    tables,
    training,
)
from alexnet.experiments.claim import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for part in (figures, layers, depth, regularizers, training, tables, baselines, questions)
    for experiment in part.EXPERIMENTS
}


def find_experiment(name: str) -> Experiment:
    """Return the experiment of this name; underscores may stand for hyphens.

    Raises:
        UsageError: there is none; gives the nearest.
    """
    found = EXPERIMENTS.get(name.replace("_", "-").lower())
    if found is None:
        raise UsageError(f"there is no experiment {name!r}", remedy=nearest(name, EXPERIMENTS))
    return found
