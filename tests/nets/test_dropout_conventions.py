"""The paper's dropout and the inverted one are the same training in other coordinates."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_networks import built, pictures, tiny

from alexnet.core.keys import Key
from alexnet.nets.tables import change, weighted
from alexnet.ops.dropout import dropout_draws
from alexnet.optim.config import LayerConfig, OptimConfig
from alexnet.optim.groups import build_optimizer

RATE, DECAY = 0.02, 0.05
BEHIND = ("fc7", "fc8")
"""Layers that read what a dropout left."""


def network(*, inverted):
    spec = tiny("alexnet")
    table = change(spec.table, *(row.name for row in weighted(spec.table)), std=None)
    net = built(replace(spec, table=change(table, "drop6", "drop7", inverted=inverted)), 4).double()
    if inverted:
        with torch.no_grad():
            for name in BEHIND:
                net.get_submodule(name).weight.mul_(0.5)
    return net


def trained(net, config):
    """Return the logits before each of some steps, each with masks of its own."""
    optimizer, logits = build_optimizer(net.train(), config), []
    x = pictures(net, 4, dtype=torch.float64)
    for step in range(6):
        optimizer.zero_grad()
        with dropout_draws(Key.from_seed(1), step, np.arange(4)):
            logits.append(net(x))
        F.cross_entropy(logits[-1], torch.tensor([0, 1, 2, 0])).backward()
        optimizer.step()
    return torch.stack(logits).detach()


def configuration(*, rate, decay):
    behind = dict.fromkeys(BEHIND, LayerConfig(lr=rate, bias_lr=RATE, weight_decay=decay))
    return OptimConfig(lr=RATE, weight_decay=DECAY, layers=behind)


def test_inverted_dropout_with_a_quarter_of_the_rate_is_the_papers_training():
    paper, inverted = (network(inverted=flag) for flag in (False, True))
    ours = trained(paper, configuration(rate=RATE, decay=DECAY))
    theirs = trained(inverted, configuration(rate=RATE / 4, decay=4 * DECAY))
    torch.testing.assert_close(theirs, ours, rtol=1e-9, atol=1e-11)
    assert (ours[-1] - ours[0]).abs().max() > 0.1
    for name, weight in paper.named_parameters():
        factor = 2 if name in ("fc7.weight", "fc8.weight") else 1
        torch.testing.assert_close(factor * inverted.get_parameter(name), weight, rtol=1e-9, atol=1e-11)
    x = pictures(paper, dtype=torch.float64, seed=5)
    torch.testing.assert_close(inverted.eval()(x), paper.eval()(x), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("rate", "decay"), [(RATE, 4 * DECAY), (RATE / 2, 4 * DECAY), (RATE / 4, DECAY)])
def test_any_other_rate_or_decay_is_another_training(rate, decay):
    ours = trained(network(inverted=False), configuration(rate=RATE, decay=DECAY))
    theirs = trained(network(inverted=True), configuration(rate=rate, decay=decay))
    assert torch.allclose(theirs[0], ours[0], rtol=1e-9)
    assert (theirs - ours)[1:].abs().max() > 1e-3
