"""How several processes share a run: who holds which part of the network, and who takes which images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from alexnet.core.errors import DriftError, RecipeError
from alexnet.nets.hybrid import HybridNetwork
from alexnet.nets.network import Network
from alexnet.nets.towers import Tower
from alexnet.parallel.layout import Layout
from alexnet.parallel.ranks import Ranks
from alexnet.runs.recipe import Recipe
from alexnet.runs.tensors import Tensors, gathered, held
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Feed
from alexnet.training.fit import Learner, require_finite
from alexnet.training.hybrid_step import HybridStepper
from alexnet.training.parallel_step import ElasticStepper, ParallelStepper, elastic_share
from alexnet.training.state import TrainState

_ELSEWHERE = Path("a checkpoint of the first process")

TOWERS = 2
"""The paper's: one for each of its two GPUs."""


def laid_out(net: nn.Module, config: TrainConfig, ranks: Ranks) -> tuple[nn.Module, Layout]:
    """Return what this process holds of a network, and how the whole lies in all of them.

    Raises:
        RecipeError: the network or the number of processes does not go with `train.parallel`.
    """
    if config.parallel == "hybrid" and config.hybrid_updates == "each" and ranks.world.is_alone:
        raise RecipeError(
            "one process updates all layers together",
            where="train.hybrid_updates",
            remedy="start several with torchrun, or --set train.hybrid_updates=once",
        )
    if ranks.world.is_alone or config.parallel == "data":
        return net, Layout(ranks)
    if config.parallel == "towers":
        return _in_towers(net, ranks)
    hybrid = HybridNetwork(net, ranks)
    return hybrid, Layout(ranks, hybrid.shards, hybrid.link)


def _in_towers(net: Network, ranks: Ranks) -> tuple[Tower, Layout]:
    if ranks.world.size % TOWERS:
        raise _refused(
            f"{TOWERS} towers are shared by a multiple of {TOWERS} processes, not by {ranks.world.size}"
        )
    try:
        tower = Tower(net, replace(ranks, world=ranks.world.team(TOWERS)))
    except ValueError as error:
        raise _refused(str(error)) from None
    return tower, Layout(ranks, tower.shards, tower.link)


def _refused(what: str) -> RecipeError:
    return RecipeError(what, where="train.parallel", remedy="--set train.parallel=data")


def shared(learner: Learner, feed: Feed, layout: Layout) -> tuple[Learner, Feed]:
    """Return what this process learns with, and its share of the batches.

    Raises:
        RecipeError: the recipe's batches cannot be shared so.
    """
    config, ranks = learner.config, layout.ranks
    if config.step != "plain":
        raise RecipeError(
            "several processes take plain steps", where="train.step", remedy="--set train.step=plain"
        )
    if config.elastic_parts is not None:
        return _elastic(learner, feed, ranks)

    if isinstance(learner.net, HybridNetwork):
        return _hybrid(learner, feed, ranks)

    def stepper() -> ParallelStepper:
        key = learner.key.derive("dropout")
        return ParallelStepper(learner.net, learner.optimizer, config, key, layout.peers, layout.link)

    return replace(learner, steps=stepper), feed.shared(layout.peers.world.share)


def _hybrid(learner: Learner, feed: Feed, ranks: Ranks) -> tuple[Learner, Feed]:
    if learner.config.micro_batch_size is not None:
        raise RecipeError(
            "hybrid steps convolve a process's share at once",
            where="train.micro_batch_size",
            remedy="leave it out; of more processes each has a smaller share",
        )
    key = learner.key.derive("dropout")
    steps = partial(HybridStepper, learner.net, learner.optimizer, learner.config, key, ranks)
    return replace(learner, steps=steps), feed.shared(ranks.world.share)


def _elastic(learner: Learner, feed: Feed, ranks: Ranks) -> tuple[Learner, Feed]:
    config, size = learner.config, ranks.world.size
    if size > config.elastic_parts:
        raise RecipeError(
            f"{config.elastic_parts} parts cannot be shared by {size} processes",
            where="train.elastic_parts",
            remedy=f"start at most {config.elastic_parts} processes",
        )
    if any(isinstance(layer, nn.BatchNorm2d) for layer in learner.net.modules()):
        raise RecipeError(
            "running statistics depend on who computes which part",
            where="train.elastic_parts",
            remedy="leave it out for a network with batch normalization",
        )
    key = learner.key.derive("dropout")
    steps = partial(ElasticStepper, learner.net, learner.optimizer, config, key, ranks)
    return replace(learner, steps=steps), feed.shared(elastic_share(config, ranks))


def saving(
    learner: Learner, layout: Layout, write: Callable[[TrainState, Tensors], Path] | None = None
) -> Callable[[TrainState], Path]:
    """Return what all processes call to save: after a look whether those that should hold the same weights do, the
    first one writes the whole network's.

    Args:
        write: The first process's: commits a checkpoint and returns its folder.

    Raises:
        DriftError: from what is returned: a process holds others; names it, the tensor and the step.
        DivergedError: weights are not finite.
    """

    def save(state: TrainState) -> Path:
        share_statistics(learner.net, layout)
        if not layout.ranks.world.is_alone:
            require_same_weights(learner, layout, state.step)
        require_finite(learner.net, state.step, layout.ranks.any)
        whole = gathered(learner, layout)
        return _ELSEWHERE if whole is None else write(state, whole)

    return save


def share_statistics(net: nn.Module, layout: Layout) -> None:
    """Make running statistics, of which each process has its own images', those of the first, as torch's
    `DistributedDataParallel` does; all processes call this before anybody looks at them."""
    for name, buffer in net.named_buffers():
        (layout.peers if name in layout.shards.cuts else layout.ranks).give([buffer])


def require_same_weights(learner: Learner, layout: Layout, step: int) -> None:
    """Refuse to go on when processes have come to hold different weights or velocities, by an error of hardware or
    program: what is trained and saved from then on would be nobody's.

    Raises:
        DriftError: names the ranks that differ from the most common one of their replicas, or from the first.
    """
    own = held(learner)
    tensors = [(n, n, t) for n, t in own.model.items()]
    tensors += [(n, f"velocity of {n}", t) for n, t in own.velocity.items()]
    digests = torch.tensor([_digest(tensor) for _, _, tensor in tensors], device=layout.ranks.device)
    everybody = layout.ranks.gather(digests).tolist()
    odd = {}
    for column, (name, title, _) in enumerate(tensors):
        for group in layout.replicas(name):
            found = [everybody[rank][column] for rank in group]
            right = max(found, key=found.count)
            for rank, digest in zip(group, found, strict=True):
                if digest != right:
                    odd.setdefault(rank, title)
    if odd:
        size, many = layout.ranks.world.size, len(odd) > 1
        raise DriftError(
            f"{'ranks' if many else 'rank'} {', '.join(map(str, sorted(odd)))} of {size} "
            f"{'hold' if many else 'holds'} other weights than the rest at step {step}, first "
            f"{odd[min(odd)]}",
            remedy="the last checkpoint is good; look for a failing memory or device on its host",
        )


def _digest(tensor: Tensor) -> int:
    plain = tensor.detach().to("cpu", memory_format=torch.contiguous_format).contiguous()
    digest = hashlib.sha256(plain.reshape(-1).view(torch.uint8).numpy()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def other_processes(recipe: Recipe, before: int, now: int) -> list[str]:
    """Return what to say where a run goes on with another number of processes than it began with."""
    if before == now or recipe.train.elastic_parts is not None:
        return []
    line = f"the run began on {before} process(es), now {now}: sums run in another order and bits differ"
    if recipe.train.parallel != "data":
        return [line]
    return [f"{line}; train.elastic_parts gives the same bits for any number"]
