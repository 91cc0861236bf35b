"""A process that trains with the leading one, and writes and says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alexnet.data.pack.read import Pack
from alexnet.parallel.ranks import Ranks
from alexnet.runs.assemble import assemble
from alexnet.runs.recipe import Recipe
from alexnet.runs.sharing import give_start
from alexnet.training.fit import Validation, fit, require_finite
from alexnet.training.hooks.saver import Saver, StopRequest
from alexnet.training.state import TrainState


def follow(recipe: Recipe, pack: Pack, ranks: Ranks) -> None:
    """Train in step with the first process, from where it stands to its end.

    Raises:
        AlexNetError: one of its kinds; what all processes see is raised by all.
    """
    parts = assemble(recipe, pack, ranks.device, starts=False, ranks=ranks)
    state = give_start(parts.learner, TrainState(), ranks)
    with StopRequest() as stop:
        saver = Saver(_saved_elsewhere, recipe.checkpoint, stop, lambda line: None, "", ranks.any)

        def validate() -> Sequence[Validation]:
            require_finite(parts.learner.net, state.step)
            return parts.validate(lambda done, error: None)

        fit(parts.learner, parts.feed, state, [saver], validate, saver.due)
    ranks.wait()


def _saved_elsewhere(state: TrainState) -> Path:
    return Path("a checkpoint of the first process")
