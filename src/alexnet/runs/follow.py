"""A process that trains with the leading one, and writes and says nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from alexnet.data.pack.read import Pack
from alexnet.parallel.ranks import Ranks, joined, meeting
from alexnet.parallel.world import World
from alexnet.runs.assemble import assemble
from alexnet.runs.pictures import DrawnElsewhere
from alexnet.runs.recipe import Recipe
from alexnet.runs.sharing import saving
from alexnet.runs.tensors import Start, give_start
from alexnet.training.fit import Validation, fit, require_finite
from alexnet.training.hooks.saver import PASSED_ON, Saver, StopRequest
from alexnet.training.hooks.slow_rank import SlowRank
from alexnet.training.state import TrainState


def follow(world: World, prepare: Callable[[], tuple[Recipe, Pack, torch.device]]) -> None:
    """Train in step with the first process, from where it stands to its end.

    Args:
        prepare: Opens what the run is made of, once the first process has found it good.

    Raises:
        AlexNetError: one of its kinds; what all processes see is raised by all.
    """
    store = meeting(world)
    recipe, pack, device = prepare()
    parts = assemble(recipe, pack, device, starts=False, ranks=Ranks(world, device))
    learner = parts.learner
    with joined(parts.ranks, store) as ranks, StopRequest(again_after=PASSED_ON) as stop:
        state = give_start(learner, Start(TrainState()), parts.layout)
        save = saving(learner, parts.layout)
        save(state)
        saver = Saver(save, recipe.checkpoint, stop, lambda line: None, "", ranks.any)
        slow = SlowRank(ranks, lambda line: None)

        def validate() -> Sequence[Validation]:
            require_finite(learner.net, state.step, ranks.any)
            return parts.validate(lambda done, error: None)

        fit(learner, parts.feed, state, [DrawnElsewhere(parts), slow, saver], validate, saver.due)
        save(state)
        ranks.wait()
