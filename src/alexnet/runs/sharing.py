"""How several processes share a run: who takes which images, and who has the weights first."""

from __future__ import annotations

import json
from dataclasses import replace

import torch

from alexnet.core.errors import RecipeError
from alexnet.parallel.ranks import Ranks
from alexnet.runs.recipe import Recipe
from alexnet.training.feed import Feed
from alexnet.training.fit import Learner
from alexnet.training.parallel_step import ElasticStepper, ParallelStepper, elastic_share
from alexnet.training.state import TrainState


def shared(learner: Learner, feed: Feed, ranks: Ranks) -> tuple[Learner, Feed]:
    """Return what this process learns with, and its share of the batches.

    Raises:
        RecipeError: the recipe's batches cannot be shared so.
    """
    config, size = learner.config, ranks.world.size
    elastic = config.elastic_parts is not None
    if elastic and (size > config.elastic_parts or size & (size - 1)):
        raise RecipeError(
            f"{config.elastic_parts} parts are shared by a power of two of processes, not by {size}",
            where="train.elastic_parts",
            remedy="start 1, 2, 4, ... processes, at most one for each part",
        )
    if config.step != "plain":
        raise RecipeError(
            "several processes take plain steps", where="train.step", remedy="--set train.step=plain"
        )
    kind = ElasticStepper if elastic else ParallelStepper
    share = elastic_share(config, ranks) if elastic else ranks.world.share

    def stepper() -> ElasticStepper | ParallelStepper:
        return kind(learner.net, learner.optimizer, config, learner.key.derive("dropout"), ranks)

    return replace(learner, steps=stepper), feed.shared(share)


def give_start(learner: Learner, state: TrainState, ranks: Ranks) -> TrainState:
    """Return the first process's place in the run, with its weights, buffers and velocities in everybody's learner."""
    if ranks.world.is_alone:
        return state
    net, optimizer = learner.net, learner.optimizer
    moving = [name for name, p in net.named_parameters() if "velocity" in optimizer.state[p]]
    told = json.loads(ranks.tell(json.dumps({"state": state.to_json(), "moving": moving})))
    named = dict(net.named_parameters())
    for name in told["moving"]:
        optimizer.state[named[name]].setdefault("velocity", torch.zeros_like(named[name]))
    ranks.give([*net.state_dict().values(), *(optimizer.state[named[n]]["velocity"] for n in told["moving"])])
    return TrainState.from_json(told["state"])


def other_processes(recipe: Recipe, before: int, now: int) -> list[str]:
    """Return what to say where a run goes on with another number of processes than it began with."""
    if before == now or recipe.train.elastic_parts is not None:
        return []
    return [
        f"the run began on {before} process(es), now {now}: sums run in another order and bits differ; "
        "train.elastic_parts gives the same bits for 1, 2, 4, ..."
    ]
