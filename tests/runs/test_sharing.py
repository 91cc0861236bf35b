"""What processes that share a run refuse, before they meet, and what each gets: nothing is started here."""

from dataclasses import replace

import pytest
import torch

from alexnet.bench.random_source import pack_random
from alexnet.core.errors import RecipeError
from alexnet.nets.hybrid import HybridNetwork
from alexnet.parallel.ranks import Ranks
from alexnet.parallel.world import World
from alexnet.runs.assemble import assemble
from alexnet.runs.recipe import load_recipe
from alexnet.runs.sharing import laid_out, other_processes, shared
from training import tiny_run


def processes(size, rank=0):
    return Ranks(World(rank, size, rank, size))


def share(size, rank=0, layer=None, **train):
    """Return how one of so many processes would train the tiny network, or that with a layer more."""
    learner = tiny_run.learner(config=tiny_run.plain(**train))
    if layer is not None:
        learner.net.append(layer)
    net, layout = laid_out(learner.net, learner.config, processes(size, rank))
    return shared(replace(learner, net=net), tiny_run.feed(config=learner.config), layout), layout


def refused(size, **choices):
    with pytest.raises(RecipeError) as error:
        share(size, **choices)
    return str(error.value)


# --- what is refused, and that the remedy helps


def test_graphed_steps_are_of_one_process():
    line = "train.step: several processes take plain steps; --set train.step=plain"
    assert refused(2, step="graphed") == line
    share(2, step="plain")


def test_towers_need_pairs():
    line = (
        "train.parallel: 2 towers are shared by a multiple of 2 processes, not by 3; --set train.parallel=data"
    )
    assert refused(3, parallel="towers") == line
    share(3, parallel="data")
    share(4, parallel="towers")


def test_there_are_at_least_as_many_parts_as_processes():
    line = "train.elastic_parts: 4 parts cannot be shared by 5 processes; start at most 4 processes"
    assert refused(5, elastic_parts=4) == line
    share(4, elastic_parts=4)
    share(3, elastic_parts=4)


@pytest.mark.parametrize("size", [1, 2])
def test_running_statistics_are_not_elastic(size):
    """Not even in one process: it could not go on in two with the same bits."""
    line = (
        "train.elastic_parts: running statistics depend on who computes which part; "
        "leave it out for a network with batch normalization"
    )
    assert refused(size, layer=torch.nn.BatchNorm2d(3), elastic_parts=4) == line
    share(size, layer=torch.nn.BatchNorm2d(3))


def test_hybrid_steps_are_not_cut_into_smaller_ones():
    line = (
        "train.micro_batch_size: hybrid steps convolve a process's share at once; "
        "leave it out; of more processes each has a smaller share"
    )
    assert refused(2, parallel="hybrid", micro_batch_size=4) == line
    share(2, parallel="hybrid")
    share(2, parallel="towers", micro_batch_size=4)


def test_one_process_does_not_update_as_several_would():
    line = (
        "train.hybrid_updates: one process updates all layers together; "
        "start several with torchrun, or --set train.hybrid_updates=once"
    )
    assert refused(1, parallel="hybrid", hybrid_updates="each") == line
    share(1, parallel="hybrid", hybrid_updates="once")
    share(2, parallel="hybrid", hybrid_updates="each")


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Sixteen random pictures of ten classes."""
    with pack_random(tmp_path_factory.mktemp("random") / "pack", 16, 32, 10) as opened:
        yield opened


@pytest.mark.parametrize(("parallel", "size"), [("towers", 2), ("hybrid", 3)])
def test_lengths_are_those_of_whole_tensors(pack, parallel, size):
    changes = {
        "train": {"parallel": parallel, "batch_size": 8},
        "optim": {"trust": 0.001, "bias_lr": 0.01},
        "data": {"select_on": "none", "holdout": 0},
    }
    recipe, cpu = load_recipe("cifar10-18pct", changes), torch.device("cpu")
    line = "train.parallel: LARS needs the lengths of whole tensors; --set train.parallel=data"
    with pytest.raises(RecipeError) as error:
        assemble(recipe, pack, cpu, ranks=processes(size))
    assert str(error.value) == line
    assemble(recipe, pack, cpu)
    changes["train"]["parallel"] = "data"
    assemble(load_recipe("cifar10-18pct", changes), pack, cpu, ranks=processes(size))


# --- who gets what


@pytest.mark.parametrize("parallel", ["data", "towers", "hybrid"])
@pytest.mark.parametrize("size", [2, 4, 6])
def test_every_image_of_a_batch_is_computed_once_by_each_team(parallel, size):
    """Where processes hold a tower each, both compute a pair's images; else each computes its own."""
    batches = [next(share(size, rank, parallel=parallel)[0][1].batches(0)) for rank in range(size)]
    towers = 2 if parallel == "towers" else 1
    for place in range(towers):
        taken = [int(sample) for batch in batches[place::towers] for sample in batch.samples]
        assert taken == next(tiny_run.feed().batches(0)).samples.tolist()


def test_who_holds_the_same_weights_is_known():
    _, layout = share(4, parallel="data")
    assert layout.replicas("conv1.weight") == layout.replicas("fc3.weight") == [range(4)]
    _, layout = share(4, parallel="towers")
    assert (layout.team_size, layout.peers.world.size) == (2, 2)
    assert layout.replicas("fc3.weight") == [range(0, 4, 2), range(1, 4, 2)]
    (learner, _), layout = share(4, parallel="hybrid")
    assert isinstance(learner.net, HybridNetwork)
    assert layout.replicas("conv1.weight") == [range(4)]
    assert layout.replicas("fc3.weight") == [range(rank, 4, 4) for rank in range(4)]


def test_another_number_of_processes_is_said_where_bits_differ():
    def said(before, now, **train):
        return other_processes(load_recipe("cifar10-18pct", {"train": train}), before, now)

    line = "the run began on 2 process(es), now 4: sums run in another order and bits differ"
    assert said(2, 4) == [f"{line}; train.elastic_parts gives the same bits for any number"]
    assert said(2, 4, parallel="towers") == [line]
    assert said(2, 2) == said(2, 4, elastic_parts=8) == []
