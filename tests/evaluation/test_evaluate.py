"""Counts over a split against counting by hand; ensembles, views, padding."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.core.errors import DivergedError
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.evaluation.report import class_table, confusion_name, summary
from alexnet.metrics.topk import wilson_interval


@dataclass
class NumberedImages:
    """Pictures that hold nothing but their own number."""

    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def read(self, indices):
        return np.asarray(indices, np.uint8)[:, None, None, None]


@dataclass
class TableClassifier:
    """Looks its answers up, and notes how it was asked."""

    table: torch.Tensor
    sizes: list = field(default_factory=list)
    views: set = field(default_factory=set)

    def probabilities(self, images, num_views):
        self.sizes.append(len(images))
        self.views.add(num_views)
        return self.table[torch.from_numpy(images[:, 0, 0, 0].astype(np.int64))]


@st.composite
def cases(draw):
    classes, count = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = (
        random.integers(0, 4, (count, classes)) + 0.25
        if draw(st.booleans())
        else random.random((count, classes))
    )
    table = torch.from_numpy((scores / scores.sum(1, keepdims=True)).astype(np.float32))
    return table, random.integers(0, classes, count).astype(np.int32), draw(st.integers(1, 17))


@given(cases())
@settings(max_examples=100, deadline=None)
def test_counts_are_those_of_counting_by_hand(case):
    table, labels, batch_size = case
    got = evaluate(
        [TableClassifier(table)],
        NumberedImages(labels),
        np.arange(len(labels)),
        num_views=1,
        batch_size=batch_size,
    )
    classes = table.shape[1]
    confusion, top5, loss = np.zeros((classes, classes), int), np.zeros(classes, int), 0.0
    for row, label in zip(table.double().numpy(), labels, strict=True):
        order = np.argsort(-row, kind="stable")
        confusion[label, order[0]] += 1
        top5[label] += label not in order[:5]
        loss -= np.log(row[label])
    assert np.array_equal(got.confusion, confusion) and got.confusion.dtype == np.int64
    assert np.array_equal(got.top5_errors, top5)
    assert got.loss == pytest.approx(loss / len(labels), rel=1e-6)
    assert got.count == len(labels)
    wrong = len(labels) - np.trace(confusion)
    assert got.top1_error == pytest.approx(wrong / len(labels))
    assert got.top5_error == pytest.approx(top5.sum() / len(labels))
    assert got.top1_interval == wilson_interval(wrong, len(labels))
    for name, error in enumerate(got.class_errors):
        images = (labels == name).sum()
        if images:
            assert error == pytest.approx(1 - confusion[name, name] / images)
        else:
            assert np.isnan(error)


def example(classes=7, count=23, seed=0):
    random = np.random.default_rng(seed)
    table = torch.from_numpy(random.random((count, classes)).astype(np.float32)).softmax(1)
    return table, NumberedImages(random.integers(0, classes, count).astype(np.int32))


def equal(first: Evaluation, second: Evaluation):
    return (
        np.array_equal(first.confusion, second.confusion)
        and np.array_equal(first.top5_errors, second.top5_errors)
        and first.loss == pytest.approx(second.loss, rel=1e-12)
    )


def test_the_batch_size_changes_nothing_and_every_pass_has_it():
    table, images = example()
    expected = evaluate([TableClassifier(table)], images, np.arange(23), num_views=1, batch_size=23)
    for size in (1, 2, 5, 22, 24, 64):
        classifier = TableClassifier(table)
        assert equal(evaluate([classifier], images, np.arange(23), num_views=1, batch_size=size), expected)
        assert classifier.sizes == [size] * -(-23 // size)


def test_only_the_given_images_count_in_any_order():
    table, images = example()
    chosen = np.array([4, 20, 9, 0])
    got = evaluate([TableClassifier(table)], images, chosen, num_views=1, batch_size=3)
    assert got.count == 4
    parts = [evaluate([TableClassifier(table)], images, np.array([i]), num_views=1) for i in chosen]
    assert np.array_equal(got.confusion, sum(p.confusion for p in parts))
    assert got.loss == pytest.approx(np.mean([p.loss for p in parts]), rel=1e-6)
    assert equal(evaluate([TableClassifier(table)], images, chosen[::-1], num_views=1), got)


def test_an_ensemble_averages_probabilities():
    (first, images), (second, _), (third, _) = example(seed=0), example(seed=1), example(seed=2)
    together = evaluate(
        [TableClassifier(t) for t in (first, second, third)], images, np.arange(23), num_views=1
    )
    mean = (first + second + third) / 3
    assert equal(together, evaluate([TableClassifier(mean)], images, np.arange(23), num_views=1))
    product = (first.log() + second.log() + third.log()).softmax(1)
    assert together.loss != pytest.approx(
        evaluate([TableClassifier(product)], images, np.arange(23), num_views=1).loss, rel=1e-6
    )


def test_a_network_twice_is_that_network():
    table, images = example()
    once, twice = (
        evaluate([TableClassifier(table)] * n, images, np.arange(23), num_views=1, batch_size=4) for n in (1, 2)
    )
    assert equal(once, twice)


def test_the_number_of_views_is_passed_on():
    table, images = example()
    classifier = TableClassifier(table)
    evaluate([classifier], images, np.arange(23), num_views=10)
    assert classifier.views == {10}


def test_progress_tells_images_done_and_the_error_so_far():
    table, images = example()
    told = []
    result = evaluate(
        [TableClassifier(table)], images, np.arange(23), num_views=1, batch_size=10,
        progress=lambda done, error: told.append((done, error)),
    )  # fmt: skip
    assert [done for done, _ in told] == [10, 20, 23]
    assert told[-1][1] == pytest.approx(result.top1_error)
    wrong = (table[:10].argmax(1).numpy() != images.labels[:10]).mean()
    assert told[0][1] == pytest.approx(wrong)


def test_no_images_at_all_is_a_programming_mistake():
    table, images = example()
    with pytest.raises(ValueError, match="no images"):
        evaluate([TableClassifier(table)], images, np.arange(0), num_views=1)


def test_a_probability_of_zero_has_a_finite_loss():
    table = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    result = evaluate([TableClassifier(table)], NumberedImages(np.array([0, 1])), np.arange(2), num_views=1)
    assert result.loss == pytest.approx(-np.log(1e-30) / 2, rel=1e-6)


@pytest.mark.parametrize("place", [0, 22])
def test_a_network_whose_probabilities_are_no_numbers_is_not_scored(place):
    """The largest of NaNs is the first class: such a network would be right about that class."""
    table, images = example()
    table[place, 3] = float("nan")
    with pytest.raises(DivergedError, match="the network's probabilities are not numbers"):
        evaluate([TableClassifier(table)], images, np.arange(23), num_views=1, batch_size=4)


# --- the report


RESULT = Evaluation(
    confusion=np.array([[3, 1, 0], [2, 2, 0], [0, 0, 0]]), top5_errors=np.array([0, 0, 0]), loss=1.25
)


def test_a_summary_is_plain_values():
    low, high = wilson_interval(3, 8)
    assert summary(RESULT) == {
        "top1_error": pytest.approx(3 / 8),
        "top5_error": None,
        "top1_error_ci95": [low, high],
        "loss": 1.25,
        "num_images": 8,
    }


def test_the_top_five_of_six_classes_mean_something():
    result = Evaluation(np.eye(6, dtype=np.int64), np.array([1, 0, 0, 0, 0, 0]), 1.0)
    assert summary(result)["top5_error"] == pytest.approx(1 / 6)


def test_a_class_table_tells_what_each_class_was_taken_for():
    assert class_table(RESULT, ["a", "b", "c"]) == [
        {"class": "a", "images": 4, "top1_error": 0.25, "taken_for": "b"},
        {"class": "b", "images": 4, "top1_error": 0.5, "taken_for": "a"},
        {"class": "c", "images": 0, "top1_error": None, "taken_for": None},
    ]
    assert RESULT.confusion[0, 0] == 3


def test_a_class_without_errors_was_taken_for_nothing_else():
    result = Evaluation(np.eye(2, dtype=np.int64), np.zeros(2, np.int64), 0.0)
    assert [row["taken_for"] for row in class_table(result, ["a", "b"])] == [None, None]


@pytest.mark.parametrize(
    ("networks", "name"), [(1, "confusion-val-10-views.png"), (5, "confusion-val-10-views-5-networks.png")]
)
def test_pictures_of_different_evaluations_have_different_names(networks, name):
    assert confusion_name("val", 10, networks) == name
