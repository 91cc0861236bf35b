"""LARS in several processes: ratios are of the whole batch's gradient, so the numbers are those of one."""

from dataclasses import replace

import torch

from alexnet.optim.config import OptimConfig
from alexnet.optim.groups import build_optimizer
from alexnet.optim.schedule import Polynomial
from alexnet.training.feed import Feed
from alexnet.training.fit import Learner, fit
from alexnet.training.parallel_step import ElasticStepper, ParallelStepper, elastic_share
from alexnet.training.state import TrainState
from parallel.processes import in_ranks
from training import tiny_run

OPTIM = OptimConfig(lr=5.0, bias_lr=0.02, trust=0.001)
FAST = replace(tiny_run.TRAIN, epochs=3, batch_size=16)
ELASTIC = replace(FAST, elastic_parts=4)


def train(ranks, config, dtype):
    """Train the tiny network; without `ranks` in this process alone."""
    net, key = tiny_run.network().to(dtype), tiny_run.learner().key
    optimizer = build_optimizer(net, OPTIM)
    alike = tiny_run.feed(config=config)
    feed = Feed(alike.images, alike.indices, alike.view, alike.picture, alike.key, config, dtype)
    steps = None
    if ranks is not None:
        elastic = config.elastic_parts is not None
        feed = feed.shared(elastic_share(config, ranks) if elastic else ranks.world.share)
        kind = ElasticStepper if elastic else ParallelStepper

        def steps():
            return kind(net, optimizer, config, key.derive("dropout"), ranks)

    learner = Learner(net, optimizer, Polynomial(), config, torch.device("cpu"), key, steps)
    fit(learner, feed, TrainState(), [], tuple)
    return {name: p.detach().numpy() for name, p in net.named_parameters()}


def difference(first, second):
    return max(abs(first[name] - second[name]).max() for name in first)


def test_two_processes_compute_what_one_does():
    expected = train(None, FAST, torch.float64)
    for weights in in_ranks(2, train, FAST, torch.float64):
        assert difference(weights, expected) < 1e-12


def test_elastic_steps_have_the_same_bits_for_one_process_and_two():
    (alone,) = in_ranks(1, train, ELASTIC, torch.float32)
    for weights in in_ranks(2, train, ELASTIC, torch.float32):
        assert difference(weights, alone) == 0
