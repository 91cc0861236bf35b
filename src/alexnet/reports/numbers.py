"""Measures in words, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from alexnet.experiments.outcome import is_share

_WORDS = {
    "test.top1_error": "test error, top-1",
    "test.top5_error": "test error, top-5",
    "test.mean_of_one": "mean error of one",
    "train.top1_error": "training error",
    "train.gap": "test less training error",
    "curves.epochs_to_25": "epochs to 25 % training error",
    "curves.first_epoch_error": "training error of the first epoch",
    "cost.seconds": "seconds of training",
    "cost.peak_memory_mb": "peak memory, MB",
    "cost.parameters": "weights",
    "cost.multiplications": "multiplications an image",
    "kernels.apart": "distance of the towers' color scores",
    "kernels.apart_by_chance": "of random halves",
    "panels.feature_precision": "right class among 6 nearest, features",
    "panels.pixel_precision": "the same, pixels",
    "codes.of_features": "right class among 6 nearest, 32 bits of features",
    "codes.features": "by whole features",
    "codes.of_pixels": "by 32 bits of pixels",
    "codes.pixels": "by pixels",
    "masked.halved.top1_error": "halved outputs",
    "masked.geometric_mean.top1_error": "geometric mean of 100",
    "masked.arithmetic_mean.top1_error": "arithmetic mean of 100",
    "masked.one_mask.top1_error": "one masked network",
    "views.1.top1_error": "one view",
    "views.5.top1_error": "five views",
    "views.10.top1_error": "ten views",
    "views.10_logits.top1_error": "ten views, logits",
    "gradients.start.first_to_last": "gradient of the first layer to the last's, at the start",
    "gradients.end.first_to_last": "the same, at the end",
    "holdout_error": "held-out error",
    "train_error": "training error",
}


def words(measure: str) -> str:
    """Return what a measure is called on a page."""
    if measure.startswith("digits."):
        one, other = measure.removeprefix("digits.").split("_")
        return f"{one} and {other} mixed up"
    return _WORDS.get(measure, measure.replace("_", " ").replace(".", ", "))


def shown(measure: str, value: float) -> str:
    """Return a number in the unit that people read it in."""
    if is_share(measure):
        return f"{100 * value:.2f}"
    if float(value).is_integer() and abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def unit(measure: str) -> str:
    """Return the unit after a measure's name, with a space before it."""
    return " (%)" if is_share(measure) else ""


def mean_and_spread(measure: str, values: Sequence[float], open_ended: Sequence[bool] = ()) -> str:
    """Return `20.10 ± 0.31`, or the number where there is but one.

    Args:
        open_ended: Which values are only lower bounds; none of them by default. Their mean is one, too: `> 32`.
    """
    if not values:
        return "–"
    text = ("> " if any(open_ended) else "") + shown(measure, mean(values))
    return f"{text} ± {shown(measure, stdev(values))}" if len(set(values)) > 1 else text


def each(measure: str, values: Sequence[float], open_ended: Sequence[bool] = ()) -> str:
    """Return all numbers, or how many there are of the same."""
    if len(values) > 1 and len(set(values)) == 1 and len(set(open_ended)) < 2:
        return f"all {len(values)}"
    ends = open_ended or [False] * len(values)
    return ", ".join(
        ("> " if end else "") + shown(measure, value) for value, end in zip(values, ends, strict=True)
    )
