"""What is measured, on numbers whose answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alexnet.experiments.measures.codes import fit_auto_encoder, nearest_codes
from alexnet.experiments.measures.curves import epochs_to
from alexnet.experiments.measures.kernels import color_score


def test_epochs_are_counted_along_a_straight_line():
    assert epochs_to([0.5, 0.3, 0.2], 0.25) == pytest.approx(2.0)
    assert epochs_to([0.2], 0.25) == 0.5
    assert epochs_to([0.5, 0.25], 0.25) == 1.5
    assert epochs_to([0.5, 0.3], 0.25) is None
    assert epochs_to([], 0.25) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_the_crossing_lies_in_the_epoch_before_the_first_low_one(errors, level):
    found = epochs_to(errors, level)
    if found is None:
        assert min(errors) > level
    else:
        first = next(k for k, error in enumerate(errors) if error <= level)
        assert max(first - 0.5, 0.5) - 1e-9 <= found <= first + 0.5 + 1e-9


def test_gray_kernels_have_no_color_and_balanced_ones_nothing_else():
    gray = np.broadcast_to(np.random.default_rng(0).normal(size=(4, 1, 5, 5)), (4, 3, 5, 5))
    assert color_score(gray) == pytest.approx(0, abs=1e-12)
    red_green = np.zeros((1, 3, 5, 5))
    red_green[:, 0], red_green[:, 1] = 1, -1
    assert color_score(red_green) == pytest.approx(1)
    assert color_score(red_green + 1) == pytest.approx(2 / 5)
    assert color_score(np.zeros((1, 3, 5, 5))) == 0


def test_short_codes_of_clusters_find_their_cluster_and_are_the_same_for_a_seed():
    torch.manual_seed(0)
    labels = torch.arange(400) % 8
    vectors = 3 * torch.randn(8, 50)[labels] + torch.randn(400, 50)
    net = fit_auto_encoder(vectors, 5)
    bits = net.bits(vectors)
    assert bits.shape == (400, 32) and set(bits.unique().tolist()) == {-1.0, 1.0}
    found = nearest_codes(bits[:100], bits)
    assert (labels[torch.from_numpy(found)] == labels[:100, None]).float().mean() > 0.95
    before = torch.random.get_rng_state()
    assert torch.equal(fit_auto_encoder(vectors, 5).bits(vectors), bits)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(fit_auto_encoder(vectors, 6).bits(vectors), bits)


@given(st.integers(0, 2**32 - 1))
def test_nearest_codes_differ_in_the_fewest_bits_and_of_equal_ones_the_first_is_taken(seed):
    random = np.random.default_rng(seed)
    queries, gallery = (np.where(random.random((n, 5)) > 0.5, 1.0, -1.0) for n in (4, 30))
    found = nearest_codes(torch.from_numpy(queries), torch.from_numpy(gallery))
    for query, indices in zip(queries, found, strict=True):
        order = sorted(range(30), key=lambda k: ((query != gallery[k]).sum(), k))
        assert indices.tolist() == order[:6]
