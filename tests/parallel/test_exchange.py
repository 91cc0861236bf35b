"""Activations that cross: what one process would compute, forward and backward."""

import math

import pytest
import torch
from processes import in_ranks

from alexnet.parallel.exchange import Exchange
from alexnet.parallel.ranks import teams
from alexnet.parallel.shards import Cut, Shards
from alexnet.parallel.traffic import Traffic

SIZES = (2, 5, 3)


def whole(dim):
    shape = [4, 4, 2]
    shape[dim] = sum(SIZES)
    return torch.arange(float(math.prod(shape)), dtype=torch.float64).reshape(shape).sin()


def weight(rank, dim):
    return whole(dim).cos() + rank


def collected(ranks, dim):
    """Join the pieces and weigh the whole by numbers of this rank's own."""
    own = whole(dim).split(SIZES, dim)[ranks.world.rank].clone().requires_grad_()
    link = Exchange(ranks)
    joined = link.collect(own, dim, SIZES)
    (joined * weight(ranks.world.rank, dim)).sum().backward()
    return joined.detach().numpy(), own.grad.numpy(), link.traffic.bytes


@pytest.mark.parametrize("dim", [0, 1])
def test_collected_pieces_are_the_whole_and_their_gradients_are_added(dim):
    expected = sum(weight(rank, dim) for rank in range(3)).split(SIZES, dim)
    others = whole(dim).numel() // sum(SIZES) * 8
    for rank, (joined, gradient, sent) in enumerate(in_ranks(3, collected, dim)):
        torch.testing.assert_close(torch.from_numpy(joined), whole(dim), rtol=0, atol=0)
        torch.testing.assert_close(torch.from_numpy(gradient), expected[rank], rtol=1e-15, atol=0)
        assert sent == others * (2 * SIZES[rank] + sum(SIZES) - SIZES[rank])


def cut_and_joined(ranks):
    """Cut a weight, join it, and leave another as it is."""
    shards = Shards({"weight": Cut(1, SIZES)}, ranks)
    own = shards.own("weight", whole(1))
    return own.shape[1], shards.whole("weight", own).numpy(), shards.whole("bias", own) is own


def test_cut_tensors_come_back_whole():
    for rank, (length, joined, untouched) in enumerate(in_ranks(3, cut_and_joined)):
        assert length == SIZES[rank]
        assert (joined == whole(1).numpy()).all()
        assert untouched


def added(ranks):
    """Add everybody's x, and take the same loss of the sum."""
    own = (torch.ones(3, dtype=torch.float64) * (ranks.world.rank + 1)).requires_grad_()
    link = Exchange(ranks, Traffic())
    total = link.add(own)
    (total**2).sum().backward()
    return total.tolist(), own.grad.tolist()


def test_a_sum_that_all_have_gives_each_its_gradient():
    for total, gradient in in_ranks(2, added):
        assert total == [3.0] * 3
        assert gradient == [6.0] * 3


def neighbors(ranks):
    """Say with whom this rank is in a team, and who its peers are."""
    team, peers = teams(ranks, 2)
    own = torch.tensor([ranks.world.rank])
    return [(r.world.rank, r.world.size, r.gather(own).flatten().tolist()) for r in (team, peers)]


def test_teams_are_neighbors_and_peers_have_the_same_place():
    assert in_ranks(4, neighbors) == [
        [(0, 2, [0, 1]), (0, 2, [0, 2])],
        [(1, 2, [0, 1]), (0, 2, [1, 3])],
        [(0, 2, [2, 3]), (1, 2, [0, 2])],
        [(1, 2, [2, 3]), (1, 2, [1, 3])],
    ]
