"""Errors on images that were trained on and on others."""

from __future__ import annotations

from alexnet.experiments.measures.trained import Measured, Trained, errors

MOST_CLASSES = 40
"""A larger confusion matrix is not kept."""


def test(trained: Trained) -> Measured:
    """Error on the published test set (or what stands for it), of as many views as the recipe says; the confusions."""
    found = trained.evaluate(trained.test, trained.views)
    values = errors(found)
    if len(found.confusion) <= MOST_CLASSES:
        values["confusion"] = found.confusion.tolist()
        values["classes"] = list(trained.pack.class_names)
    return Measured(values)


def train(trained: Trained) -> Measured:
    """Error of the same views on up to 10,000 images trained on, and how much higher the test error is."""
    values = errors(trained.evaluate(trained.trained_on, trained.views))
    values["gap"] = trained.so_far["test"]["top1_error"] - values["top1_error"]
    return Measured(values)


def digits(trained: Trained) -> Measured:
    """Test digits of one class taken for another, as fractions of their class: pairs that mirrors might mix."""
    confusion = trained.so_far["test"]["confusion"]
    pairs = ((6, 9), (2, 5), (3, 5), (4, 9), (7, 2), (7, 1))
    totals = [max(sum(row), 1) for row in confusion]
    return Measured(
        {f"{a}_{b}": (confusion[a][b] + confusion[b][a]) / (totals[a] + totals[b]) for a, b in pairs}
    )
