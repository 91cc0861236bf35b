"""Towers in processes of their own train to the weights of the grouped network in one process."""

from dataclasses import replace

import pytest
import torch
from processes import in_ranks
from tower_training import STEPS, TOWERS, start, train

from alexnet.parallel.ranks import Ranks


def largest_difference(first, second):
    return max(abs(first[name] - second[name]).max() for name in first)


@pytest.fixture(scope="module")
def grouped(test_data):
    """What one process makes of the images in an epoch, on one thread as every process here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield train(Ranks(), test_data, TOWERS)
    finally:
        torch.set_num_threads(threads)


SPOILED = {
    2: ["weights of another process are not finite", "weights of fc7.weight are not finite"],
    4: ["rank 3 of 4 holds other weights than the rest at step 51, first fc7.weight"] * 4,
}
"""Only of two teams can one say that the other's weight is another."""


@pytest.mark.parametrize(
    ("size", "config"), [(2, TOWERS), (4, replace(TOWERS, micro_batch_size=3))], ids=["two", "two by two"]
)
def test_fifty_steps_in_towers_are_those_of_the_grouped_network(test_data, grouped, size, config):
    expected, alone, _ = grouped
    found = in_ranks(size, train, test_data, config)
    (weights, recorder, _), results = found[0], alone.results
    assert len(results) == STEPS == 50 and weights.keys() == expected.keys()
    assert largest_difference(weights, expected) < 1e-9
    assert all(abs(expected[name] - first).max() > 1e-2 for name, first in start().items())
    for _, theirs, _ in found:
        assert [(r.top1_errors, r.top5_errors, r.count) for r in theirs.results] == [
            (r.top1_errors, r.top5_errors, r.count) for r in results
        ]
        assert theirs.losses == pytest.approx(alone.losses, rel=1e-6)
    assert all(times.traffic.bytes > 0 for times in recorder.times)
    assert not any(times.traffic.bytes for times in alone.times)
    assert [said.startswith(line) for (*_, said), line in zip(found, SPOILED[size], strict=True)] == [
        True
    ] * size
