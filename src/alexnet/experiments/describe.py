"""An experiment in plain values, for a script."""

from __future__ import annotations

from typing import Any

from alexnet.experiments.claim import Experiment


def described(experiment: Experiment) -> dict[str, Any]:
    """Return what an experiment states, without what came out."""
    return {
        "name": experiment.name,
        "title": experiment.title,
        "claim": experiment.claim,
        "source": experiment.source,
        "arms": [arm.name for arm in (*experiment.arms, *experiment.ensembles)],
        "contrasts": [
            {"says": c.says, "paper": c.paper, "measure": c.left.measure, "expects": c.expects}
            for c in experiment.contrasts
        ],
        "budgets": {
            name: {"data": b.base.data, "recipe": b.base.recipe, "seeds": list(b.seeds)}
            for name, b in experiment.budgets.items()
        },
        "caveat": experiment.caveat,
    }
