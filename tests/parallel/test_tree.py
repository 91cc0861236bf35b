"""Sums over a tree: the same bits whoever adds them, which plain sums over processes do not give."""

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from processes import in_ranks

from alexnet.parallel.tree import Branch, add_subtrees, complete_subtrees
from alexnet.parallel.world import World

TERMS, LENGTH = 16, 900


def term(number):
    """Return numbers of very different sizes, so that every order of adding them gives other bits."""
    generator = torch.Generator().manual_seed(number)
    return torch.randn(LENGTH, generator=generator) * 10 ** (8 * torch.rand(LENGTH, generator=generator) - 4)


def by_definition(terms):
    while len(terms) > 1:
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=True)]
    return terms[0]


def subtrees(world, terms):
    """Return the sums that one of several processes makes of its terms, and how many are in each."""
    mine = range(len(terms))[world.share(len(terms))]
    branch = Branch(mine.start)
    for number in mine:
        branch.add([terms[number].clone()])
    return [flat for (flat,) in branch.subtrees()], complete_subtrees(mine)


def total(ranks):
    own, _ = subtrees(ranks.world, [term(number) for number in range(TERMS)])
    return add_subtrees(own, TERMS, ranks)


def plain_total(ranks):
    flat = sum(term(number) for number in range(TERMS)[ranks.world.share(TERMS)])
    dist.all_reduce(flat)
    return flat


def sums(ranks):
    return total(ranks).numpy(), plain_total(ranks).numpy()


@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_bits_do_not_depend_on_the_number_of_processes(size):
    expected = by_definition([term(number) for number in range(TERMS)])
    in_order = sum(term(number) for number in range(TERMS))
    for tree, plain in in_ranks(size, sums):
        assert (tree == expected.numpy()).all()
        assert (plain != in_order.numpy()).any()


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_a_branch_adds_neighbors_first(count):
    branch, terms = Branch(), [term(number) for number in range(count)]
    for number in range(count):
        branch.add([term(number), -term(number)])
    first, second = branch.total()
    assert torch.equal(first, by_definition(terms))
    assert torch.equal(second, -first)


@given(st.sampled_from([8, 16]), st.integers(1, 8))
def test_what_any_number_of_processes_add_is_the_tree(count, size):
    """The sums of each process, put together in the order of ranks, have the bits of the definition."""
    terms, branch = [term(number) for number in range(count)], Branch()
    for rank in range(size):
        own, leaves = subtrees(World(rank, size), terms)
        assert len(own) == len(leaves)
        for flat, covered in zip(own, leaves, strict=True):
            branch.add([flat], covered)
    assert torch.equal(branch.total()[0], by_definition(terms))


@given(st.integers(0, 64), st.integers(1, 64))
def test_a_run_is_made_of_few_complete_subtrees(start, count):
    sizes = complete_subtrees(range(start, start + count))
    assert sum(sizes) == count
    for size in sizes:
        assert size & (size - 1) == 0 and start % size == 0
        start += size
    assert len(sizes) <= 2 * count.bit_length()
