"""Ranks against sorting, intervals against published values and against their definition."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alexnet.metrics.topk import ranks, wilson_interval

SCORES = st.sampled_from([0.0, 1.0, 2.0, -1.0, math.inf, -math.inf, 1e-30])


@st.composite
def scored(draw):
    classes, count = draw(st.integers(1, 12)), draw(st.integers(0, 8))
    rows = draw(st.lists(st.lists(SCORES, min_size=classes, max_size=classes), min_size=count, max_size=count))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count))
    return torch.tensor(rows).reshape(count, classes), torch.tensor(labels, dtype=torch.int64)


@given(scored())
def test_ranks_are_places_after_sorting_with_ties_in_class_order(case):
    scores, labels = case
    order = torch.sort(scores, dim=1, descending=True, stable=True).indices.tolist()
    expected = [row.index(label) for row, label in zip(order, labels.tolist(), strict=True)]
    assert ranks(scores, labels).tolist() == expected


@given(scored(), st.integers(1, 6))
def test_the_best_k_hold_the_label_where_its_rank_is_below_k(case, k):
    scores, labels = case
    rank = ranks(scores, labels)
    for row, label, place in zip(scores, labels.tolist(), rank.tolist(), strict=True):
        better = sum(1 for c, s in enumerate(row.tolist()) if s > row[label] or (s == row[label] and c < label))
        assert (place < k) == (better < k)


def test_equal_scores_rank_by_class():
    assert ranks(torch.zeros(4, 7), torch.tensor([0, 3, 4, 6])).tolist() == [0, 3, 4, 6]


def test_a_label_without_a_number_ranks_last():
    scores = torch.tensor([[math.nan, 0.0, 1.0], [math.nan, math.nan, math.nan]])
    assert ranks(scores, torch.tensor([0, 0])).tolist() == [2, 2]


def test_another_class_without_a_number_is_not_ahead():
    assert ranks(torch.tensor([[math.nan, 0.0, 1.0]]), torch.tensor([1])).tolist() == [1]


def test_sixteen_bit_scores_are_ranked_too():
    scores = torch.tensor([[0.5, 0.25, 1.0]], dtype=torch.bfloat16)
    assert ranks(scores, torch.tensor([1])).tolist() == [2]


@pytest.mark.parametrize(
    ("errors", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_newcombes(errors, count, low, high):
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", Table I, method 3."""
    assert wilson_interval(errors, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("errors", "count"), [(0, 20), (81, 263), (29, 29)])
def test_the_interval_of_successes_mirrors_that_of_errors(errors, count):
    low, high = wilson_interval(errors, count)
    assert wilson_interval(count - errors, count) == pytest.approx((1 - high, 1 - low))


@given(st.integers(1, 60_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_intervals_ends_are_z_standard_errors_away(case):
    """Wilson's ends are the fractions p whose own standard error puts the observation at z."""
    errors, count = case
    low, high = wilson_interval(errors, count)
    fraction = errors / count
    assert 0 <= low <= fraction <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert abs(fraction - end) == pytest.approx(1.959964 * (end * (1 - end) / count) ** 0.5, rel=1e-6)


def test_no_images_mean_no_knowledge():
    assert wilson_interval(0, 0) == (0.0, 1.0)
