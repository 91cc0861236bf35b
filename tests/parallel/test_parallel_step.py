"""Steps that processes take together, on real images: the numbers of one process, and in elastic mode its bits."""

from dataclasses import replace

import pytest
import torch
from hybrid_run import (
    BATCH,
    EPOCHS,
    KEY,
    STEPS,
    feed,
    network,
    optimizer_of,
    read_pictures,
    train,
    trained_alone,
)
from processes import in_ranks

from alexnet.parallel.ranks import Ranks
from alexnet.training.config import TrainConfig
from alexnet.training.parallel_step import ElasticStepper, ParallelStepper, elastic_share

PLAIN = TrainConfig(epochs=EPOCHS, batch_size=BATCH)
SMALL_PARTS = replace(PLAIN, micro_batch_size=3)
ELASTIC = replace(PLAIN, elastic_parts=4)
SAME_NUMBERS = [(2, PLAIN), (2, ELASTIC), (3, SMALL_PARTS)]
SAME_BITS = [(2, ELASTIC), (3, ELASTIC), (4, ELASTIC)]
OTHER_BITS = [(2, PLAIN), (4, PLAIN)]


@pytest.fixture(scope="module")
def pictures(test_data):
    return read_pictures(test_data)


def trained(ranks, pictures, config, dtype):
    """Return weights and velocities by name, and the steps' results.

    The last batch of each epoch has a single image: fewer than processes, and than parts.
    """
    net, key = network(dtype), KEY.derive("dropout")
    optimizer, elastic = optimizer_of(net), config.elastic_parts is not None
    stepper = (ElasticStepper if elastic else ParallelStepper)(net, optimizer, config, key, ranks)
    share = elastic_share(config, ranks) if elastic else ranks.world.share
    results = train(net, stepper, feed(pictures, config, dtype).shared(share), config)
    tensors = {n: p.detach().numpy() for n, p in net.named_parameters()}
    velocities = {f"v {n}": optimizer.state[p]["velocity"].numpy() for n, p in net.named_parameters()}
    return tensors | velocities, results


def trained_by_all(ranks, pictures, plan):
    """Return (configuration, type) -> what `trained` does, for all of a plan."""
    return {(config, dtype): trained(ranks, pictures, config, dtype) for config, dtype in plan}


@pytest.fixture(scope="module")
def together(pictures):
    """Number of processes -> what each of them has: every number starts its processes once."""
    plans = {2: [], 3: [], 4: []}
    for cases, dtype in ((SAME_NUMBERS, torch.float64), (SAME_BITS + OTHER_BITS, torch.float32)):
        for size, config in cases:
            plans[size].append((config, dtype))
    return {size: in_ranks(size, trained_by_all, pictures, plan) for size, plan in plans.items()}


@pytest.fixture(scope="module")
def alone(pictures):
    """Type -> what one process has; "elastic" -> in float32 as elastic steps.

    On one thread, as every process here: on two, convolutions round otherwise.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        plain = {dtype: trained_alone(pictures, PLAIN, dtype=dtype) for dtype in (torch.float64, torch.float32)}
        return plain | {"elastic": trained(Ranks(), pictures, ELASTIC, torch.float32)}
    finally:
        torch.set_num_threads(threads)


def difference(first, second):
    assert first.keys() == second.keys()
    return float(max(abs(first[name] - second[name]).max() for name in first))


@pytest.mark.parametrize(("size", "config"), SAME_NUMBERS, ids=["plain", "elastic", "three, small parts"])
def test_fifty_steps_of_several_processes_are_those_of_one(alone, together, size, config):
    expected, results = alone[torch.float64]
    assert len(results) == STEPS >= 50
    for found in together[size]:
        tensors, seen = found[config, torch.float64]
        assert difference(tensors, expected) < 1e-12
        assert [(r.top1_errors, r.top5_errors, r.count) for r in seen] == [
            (r.top1_errors, r.top5_errors, r.count) for r in results
        ]
        assert [r.loss for r in seen] == pytest.approx([r.loss for r in results], rel=1e-6)


@pytest.mark.parametrize(("size", "config"), SAME_BITS)
def test_elastic_steps_have_the_same_bits_for_any_number_of_processes(alone, together, size, config):
    expected, results = alone["elastic"]
    for found in together[size]:
        tensors, seen = found[config, torch.float32]
        assert difference(tensors, expected) == 0
        assert seen == results


@pytest.mark.parametrize(("size", "config"), OTHER_BITS)
def test_plain_sums_have_the_same_bits_in_each_process_only(alone, together, size, config, record_property):
    """The control: with the library's sums, what the test above asks for is not so."""
    first, *others = [found[config, torch.float32][0] for found in together[size]]
    assert all(difference(first, other) == 0 for other in others)
    drift = difference(first, alone[torch.float32][0])
    assert drift > 0
    record_property("float32_drift", drift)
