"""Steps that processes take together: the numbers of one process, and in elastic mode its bits."""

from dataclasses import replace

import pytest
import torch
from processes import in_ranks

from alexnet.optim.config import OptimConfig
from alexnet.optim.groups import build_optimizer
from alexnet.training.feed import Feed
from alexnet.training.fit import Learner, fit
from alexnet.training.parallel_step import ElasticStepper, ParallelStepper, elastic_share
from alexnet.training.state import TrainState
from training import tiny_run

EPOCHS = 10
ELASTIC = replace(tiny_run.TRAIN, epochs=EPOCHS, elastic_parts=4)
FAST = replace(tiny_run.TRAIN, epochs=EPOCHS)


def train(ranks, config, dtype):
    """Train the tiny network, on one thread as every process here: on two, convolutions round otherwise.

    36 images in batches of 8: the last batch has 4, fewer than parts can share evenly.
    """
    elastic = config.elastic_parts is not None
    net = tiny_run.network().to(dtype)
    key = tiny_run.learner().key
    optimizer = build_optimizer(net, OptimConfig(lr=0.01, bias_lr=0.02))
    kind = ElasticStepper if elastic else ParallelStepper
    share = elastic_share(config, ranks) if elastic else ranks.world.share
    pictures = tiny_run.images()
    source = tiny_run.feed(config=config)
    source = Feed(pictures, source.indices, source.view, source.picture, source.key, config, dtype).shared(
        share
    )
    made = Learner(
        net,
        optimizer,
        tiny_run.STAGES,
        config,
        torch.device("cpu"),
        key,
        lambda: kind(net, optimizer, config, key.derive("dropout"), ranks),
    )
    recorder = tiny_run.Recorder()
    fit(made, source, TrainState(), [recorder], tuple)
    return {n: p.detach().numpy() for n, p in net.named_parameters()}, recorder.results


def one_process(config, dtype):
    config = replace(config, elastic_parts=None)
    net = tiny_run.network().to(dtype)
    key = tiny_run.learner().key
    optimizer = build_optimizer(net, OptimConfig(lr=0.01, bias_lr=0.02))
    source = tiny_run.feed(config=config)
    source = Feed(tiny_run.images(), source.indices, source.view, source.picture, source.key, config, dtype)
    recorder = tiny_run.Recorder()
    made = Learner(net, optimizer, tiny_run.STAGES, config, torch.device("cpu"), key)
    fit(made, source, TrainState(), [recorder], tuple)
    return {n: p.detach().numpy() for n, p in net.named_parameters()}, recorder.results


def difference(first, second):
    return max(abs(first[name] - second[name]).max() for name in first)


@pytest.mark.parametrize(
    ("config", "size"),
    [(FAST, 2), (replace(FAST, micro_batch_size=3), 3), (ELASTIC, 2)],
    ids=["fast", "three, small parts", "elastic"],
)
def test_several_processes_compute_what_one_does(config, size):
    expected, results = one_process(config, torch.float64)
    for weights, found in in_ranks(size, train, config, torch.float64):
        assert difference(weights, expected) < 1e-12
        assert [(r.top1_errors, r.top5_errors, r.count) for r in found] == [
            (r.top1_errors, r.top5_errors, r.count) for r in results
        ]
        assert [r.loss for r in found] == pytest.approx([r.loss for r in results], rel=1e-6)


def test_elastic_steps_have_the_same_bits_for_any_number_of_processes():
    ((alone, results),) = in_ranks(1, train, ELASTIC, torch.float32)
    for size in (2, 4):
        for weights, found in in_ranks(size, train, ELASTIC, torch.float32):
            assert difference(weights, alone) == 0
            assert found == results


def test_plain_sums_do_not_have_the_same_bits():
    """The control: with the library's sums, what the test above asks for is not so."""
    ((alone, _),) = in_ranks(1, train, ELASTIC, torch.float32)
    plain, _ = in_ranks(4, train, FAST, torch.float32)[0]
    assert 0 < difference(plain, alone) < 1e-5
