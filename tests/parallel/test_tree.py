"""Sums over a tree: the same bits whoever adds them, which plain sums over processes do not give."""

import pytest
import torch
import torch.distributed as dist
from processes import in_ranks

from alexnet.parallel.tree import Branch, add_branches

TERMS, LENGTH = 16, 1000


def term(number):
    """Return numbers of very different sizes, so that every order of adding them gives other bits."""
    generator = torch.Generator().manual_seed(number)
    return torch.randn(LENGTH, generator=generator) * 10 ** (8 * torch.rand(LENGTH, generator=generator) - 4)


def by_definition(terms):
    while len(terms) > 1:
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=True)]
    return terms[0]


def total(ranks):
    branch = Branch()
    for number in range(TERMS)[ranks.world.share(TERMS)]:
        branch.add([term(number)])
    (flat,) = branch.total()
    add_branches(flat, ranks)
    return flat


def plain_total(ranks):
    flat = sum(term(number) for number in range(TERMS)[ranks.world.share(TERMS)])
    dist.all_reduce(flat)
    return flat


def sums(ranks):
    return total(ranks), plain_total(ranks)


@pytest.mark.parametrize("size", [2, 4])
def test_the_bits_do_not_depend_on_the_number_of_processes(size):
    expected = by_definition([term(number) for number in range(TERMS)])
    in_order = sum(term(number) for number in range(TERMS))
    for tree, plain in in_ranks(size, sums):
        assert torch.equal(tree, expected)
        assert not torch.equal(plain, in_order)


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_a_branch_adds_neighbors_first(count):
    branch, terms = Branch(), [term(number) for number in range(count)]
    for number in range(count):
        branch.add([term(number), -term(number)])
    first, second = branch.total()
    assert torch.equal(first, by_definition(terms))
    assert torch.equal(second, -first)
