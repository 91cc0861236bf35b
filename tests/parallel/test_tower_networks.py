"""Every network that splits into two towers computes in two processes what it does in one; what crosses is counted."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from processes import in_ranks

from alexnet.core.errors import RecipeError
from alexnet.core.keys import Key
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.network import Network
from alexnet.nets.tables import change
from alexnet.nets.towers import Tower, pieces
from alexnet.ops.dropout import dropout_draws
from alexnet.parallel.ranks import Ranks
from alexnet.parallel.traffic import Traffic
from alexnet.parallel.world import World
from alexnet.runs.sharing import laid_out
from alexnet.training.config import TrainConfig
from nets.small_networks import built, pictures, tiny

CLASSES = 7
SPLIT = {
    "alexnet": ["conv3", "fc6", "fc7"],
    "alexnet_145": ["conv3", "fc6", "fc7"],
    "alexnet_146_2011": ["conv3", "conv6", "fc6", "fc7", "bottleneck"],
    "alexnet_150": [],
    "alexnet_bn": ["conv3", "fc6", "fc7"],
    "alexnet_caffe": ["norm1", "norm2", "conv3", "fc6", "fc7"],
    "alexnet_owt": ["conv2", "conv3", "conv4", "conv5", "fc6", "fc7"],
    "cifar10_11pct": ["norm1", "conv2", "norm2", "local3", "local4"],
    "cifar10_18pct": ["conv2", "conv3"],
}
"""Where the towers collect; in the last layer they add. One tower's conv2 reads all maps, its norms too."""


def outputs_and_tensors(net, x):
    """Return logits in training and evaluation, and gradients and buffers after one pass, dropout drawn."""
    with dropout_draws(Key.from_seed(3), 1, np.arange(len(x))):
        logits = net.train()(x)
    F.cross_entropy(logits, torch.arange(len(x)) % CLASSES).backward()
    tensors = {n: p.grad for n, p in net.named_parameters()} | dict(net.named_buffers())
    with torch.inference_mode():
        return [logits.detach(), net.eval()(x)], tensors


def relative(found, expected):
    return float((found - expected).norm() / expected.norm().clamp_min(1e-300))


def compare(ranks, names):
    """Return name -> the largest relative difference of logits, gradients and buffers from the whole network's."""
    found = {}
    for name in names:
        net = built(tiny(name), CLASSES, seed=2).double()
        x = pictures(net, 3, dtype=torch.float64)
        tower = Tower(net, ranks)
        expected, whole = outputs_and_tensors(net, x)
        logits, own = outputs_and_tensors(tower, x)
        cut = {n: tower.shards.own(n, t) for n, t in whole.items()}
        assert own.keys() == cut.keys() and all(own[n].shape == cut[n].shape for n in own), name
        pairs = [*zip(logits, expected, strict=True), *((own[n].double(), cut[n].double()) for n in own)]
        found[name] = max(relative(*pair) for pair in pairs)
    return found


def test_every_network_in_two_towers_is_the_network_in_one_process():
    for found in in_ranks(2, compare, sorted(SPLIT)):
        assert found.keys() == SPLIT.keys()
        assert max(found.values()) < 1e-11, found


@pytest.mark.parametrize("name", sorted(SPLIT))
def test_the_rows_say_where_towers_meet(name):
    spec = NETWORKS[name]
    found = pieces(spec.table, spec.input_shape, 10, 2)
    assert [piece.row.name for piece in found if piece.collects] == SPLIT[name]
    assert [piece.row.name for piece in found if piece.adds] == [spec.table[-1].name]
    assert [piece.row.name for piece in found] == [row.name for row in spec.table]


# --- the paper's network, all of it


def paper(ranks):
    """Return logits of two pictures, what crossed forward and backward, and the number of parameters here."""
    net = built(NETWORKS["alexnet"]).double()
    x = pictures(net, 2, dtype=torch.float64)
    if ranks.world.is_alone:
        return net(x).detach().numpy()
    tower = Tower(net, ranks)
    logits = tower(x)
    forward, tower.link.traffic = tower.link.traffic.bytes, Traffic()
    F.cross_entropy(logits, torch.tensor([3, 7])).backward()
    parameters = sum(p.numel() for p in tower.parameters())
    return logits.detach().numpy(), forward, tower.link.traffic.bytes, parameters


def test_the_papers_network_in_two_processes():
    """Half of what conv3, fc6 and fc7 read goes over, and a gradient of as much comes back; of fc8 the logits go."""
    expected, halves = paper(Ranks()), 128 * 13 * 13 + 128 * 6 * 6 + 2048
    for logits, forward, backward, parameters in in_ranks(2, paper):
        np.testing.assert_allclose(logits, expected, rtol=1e-10, atol=1e-13)
        assert forward == 2 * 8 * (halves + 1000)
        assert backward == 2 * 8 * halves
        assert parameters == 60_965_224 // 2


# --- what does not split


def refused(net, size=2, **train):
    with pytest.raises(RecipeError) as error:
        laid_out(net, TrainConfig(**{"parallel": "towers"} | train), Ranks(World(0, size)))
    assert "train.parallel" in str(error.value)
    return str(error.value)


def edited(*names, **fields):
    spec = tiny("alexnet")
    return Network(spec, CLASSES, change(spec.table, *names, **fields))


def test_what_does_not_split_is_refused_in_one_line():
    assert "fc7: 255 maps or units do not split into 2 towers" in refused(edited("fc7", units=255))
    assert "conv4: its 3 groups are not those of 2 towers" in refused(edited("conv4", groups=3))
    apart = Network(tiny("alexnet"), 8, change(tiny("alexnet").table, "fc8", groups=2))
    assert "fc8: the last layer of 2 towers" in refused(apart)
    assert "c3: a PartialConv is not split" in refused(Network(NETWORKS["lenet5"], 10))
    assert "by a multiple of 2 processes, not by 3" in refused(edited(), 3)


def test_one_process_computes_the_whole_network():
    net = edited()
    assert laid_out(net, TrainConfig(parallel="towers"), Ranks())[0] is net


def test_towers_are_not_elastic():
    with pytest.raises(ValueError, match="elastic_parts"):
        TrainConfig(parallel="towers", elastic_parts=2)
