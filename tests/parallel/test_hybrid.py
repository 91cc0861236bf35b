"""Data-parallel convolutions with model-parallel fully connected layers: the numbers of one process, on real images."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from hybrid_run import EACH, ONCE, STEPS, read_pictures, trained_alone, trained_together
from processes import in_ranks

from alexnet.parallel.deliveries import Delivery


@pytest.fixture(scope="module")
def pictures(test_data):
    return read_pictures(test_data)


def difference(first, second):
    assert first.keys() == second.keys()
    return max(abs(first[name] - second[name]).max() for name in first)


def require_same(found, expected, results):
    tensors, seen = found
    assert len(seen) == STEPS >= 50
    assert difference(tensors, expected) < 1e-12
    assert [(r.top1_errors, r.top5_errors, r.count) for r in seen] == [
        (r.top1_errors, r.top5_errors, r.count) for r in results
    ]
    assert [r.loss for r in seen] == pytest.approx([r.loss for r in results], rel=1e-6)


@contextmanager
def unsummed():
    """Let each process keep the gradient that goes through its own units."""
    right = Delivery.sum
    Delivery.sum = lambda self: self.wait().chunk(self.link.ranks.world.size)[self.link.ranks.world.rank]
    try:
        yield
    finally:
        Delivery.sum = right


def two_processes(ranks, pictures):
    """Return what training gives, with updates once and after each pass; a control; and one in float32."""
    found = trained_together(ranks, pictures, [*ONCE, *EACH])
    with unsummed():
        control = trained_together(ranks, pictures, [replace(ONCE[0], epochs=1)])
    return found, control, trained_together(ranks, pictures, ONCE[2:], torch.float32)


def test_two_processes_compute_what_one_does(pictures, record_property):
    expected, results = trained_alone(pictures, ONCE[0])
    each = [trained_alone(pictures, config) for config in EACH]
    short, _ = trained_alone(pictures, replace(ONCE[0], epochs=1))
    narrow, _ = trained_alone(pictures, ONCE[0], dtype=torch.float32)
    for found, ((unsummed_tensors, _),), ((float32, _),) in in_ranks(2, two_processes, pictures):
        for own, alone in zip(found, [(expected, results)] * len(ONCE) + each, strict=True):
            require_same(own, *alone)
        for tensors, _ in each:
            assert difference(tensors, expected) > 1e-3
        assert difference(unsummed_tensors, short) > 1e-3
        record_property("float32_drift", float(difference(float32, narrow)))


@pytest.mark.slow
def test_three_processes_compute_what_one_does(pictures):
    expected, results = trained_alone(pictures, ONCE[0])
    tensors, seen = trained_alone(pictures, EACH[1], size=3)
    for *once, each in in_ranks(3, trained_together, pictures, [*ONCE[1:], EACH[1]]):
        for found in once:
            require_same(found, expected, results)
        require_same(each, tensors, seen)
