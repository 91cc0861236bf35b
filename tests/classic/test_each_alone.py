"""Work is shared out among threads that compute by themselves, and what they do does not depend on their number."""

import threading

import numpy as np
import pytest
import torch
from test_sparse_coding import SMALL, made_up, pictures
from test_squared_hinge_svm import clouds, fitted

from alexnet.classic import sparse_coding, squared_hinge_svm
from alexnet.classic.threads import each_alone

FEW = squared_hinge_svm.SquaredHingeSvmConfig(cost=0.01, iterations=10)


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order_from_threads_that_compute_alone(threads):
    together = threading.Barrier(threads, timeout=30)

    def work(number: int) -> tuple[int, int, int]:
        together.wait()
        return number, torch.get_num_threads(), threading.get_ident()

    found = each_alone(work, ((i,) for i in range(2 * threads)))
    assert [number for number, _, _ in found] == list(range(2 * threads))
    assert {count for _, count, _ in found} == {1}
    assert len({thread for _, _, thread in found}) == threads
    assert torch.get_num_threads() == threads


def test_an_error_comes_up_and_leaves_the_number_of_threads(threads):
    with pytest.raises(ZeroDivisionError):
        each_alone(lambda number: 1 / number, [(1,), (0,)])
    assert torch.get_num_threads() == threads


def test_codes_and_classifiers_are_the_same_bytes_for_any_number_of_threads(threads, monkeypatch):
    monkeypatch.setattr(sparse_coding, "_IMAGES", 3)
    monkeypatch.setattr(squared_hinge_svm, "_ROWS", 50)
    encoder, images, (features, labels) = made_up(SMALL, 3), pictures(10), clouds()
    codes, learned = encoder.encode(images), fitted(features, labels, FEW).arrays()
    torch.set_num_threads(1)
    np.testing.assert_array_equal(encoder.encode(images), codes)
    for name, values in fitted(features, labels, FEW).arrays().items():
        np.testing.assert_array_equal(values, learned[name])
