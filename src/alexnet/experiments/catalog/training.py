"""Ablations of training and testing: initial values, views, activations."""

from __future__ import annotations

from alexnet.experiments.catalog.bases import budgets
from alexnet.experiments.catalog.edits import CONVOLUTIONS, change
from alexnet.experiments.claim import Arm, Contrast, Experiment, Value

_TEST = "test.top1_error"
_HIDDEN = ("fc6", "fc7")
_HALF_OPEN = ("conv2", "conv4", "conv5", *_HIDDEN)

_NO_HEAD_START = change(_HALF_OPEN, bias=0.0)
_NARROW = change((*CONVOLUTIONS[1:], *_HIDDEN), std=0.01)
INITIAL_VALUES = Experiment(
    name="initial-values",
    title="Initial biases of 1, and sigma",
    claim="Biases that start at 1 speed up the first stages of learning.",
    source="paper, section 5; config 145 of the 2012 source (sigma 0.03 in conv3-5)",
    arms=(
        Arm(name="biases 1"),
        Arm(name="biases 0", edits=_NO_HEAD_START),
        Arm(name="biases 1, sigma 0.01", edits=_NARROW),
        Arm(name="biases 0, sigma 0.01", edits=_NO_HEAD_START + _NARROW),
    ),
    contrasts=tuple(
        Contrast(
            says=f"{says} has less training error in the first epoch",
            left=Value(left, "curves.first_epoch_error"),
            right=Value(right, "curves.first_epoch_error"),
            expects="lower",
            paper=paper,
        )
        for says, left, right, paper in (
            ("starting with biases of 1", "biases 1", "biases 0", "accelerates the early stages; no figure"),
            ("the same with sigma 0.01", "biases 1, sigma 0.01", "biases 0, sigma 0.01", ""),
            ("the base's sigma against 0.01", "biases 1", "biases 1, sigma 0.01", ""),
        )
    ),
    budgets=budgets(),
    shown=("curves.first_epoch_error", _TEST),
    curve="train_error",
    caveat=(
        "In small networks 0.01 is much less than in the paper's, whose layers read more: there fc6 has "
        "1 / sqrt(9216) = 0.0104."
    ),
)

VIEWS = Experiment(
    name="views",
    title="One, five and ten views",
    claim="Averaging over ten views lowers the error by more than a point.",
    source="paper, section 4.1 and the footnote of section 6",
    arms=(Arm(name="network"),),
    contrasts=(
        Contrast(
            says="ten views have less error than one",
            left=Value("network", "views.10.top1_error"),
            right=Value("network", "views.1.top1_error"),
            expects="lower",
            paper="-1.5 / -1.3 points (39.0 / 18.3 and 37.5 / 17.0 %), ILSVRC-2010 test",
        ),
        Contrast(
            says="ten views have less error than five",
            left=Value("network", "views.10.top1_error"),
            right=Value("network", "views.5.top1_error"),
            expects="lower",
        ),
        Contrast(
            says="averaged logits have the error of averaged probabilities, within half a point",
            left=Value("network", "views.10_logits.top1_error"),
            right=Value("network", "views.10.top1_error"),
            expects="equal",
            margin=0.005,
        ),
    ),
    budgets=budgets(),
    shown=("views.1.top1_error", "views.5.top1_error", "views.10.top1_error", "views.10_logits.top1_error"),
    measures=("views",),
)

_RELUS = tuple(f"relu{n}" for n in range(1, 8))
GRADIENTS = Experiment(
    name="gradients",
    title="Gradients from the last layer to the first",
    claim="Saturating units let gradients fade on the way to the first layer; ReLUs do not.",
    source="a question of a reviewed document on section 3.1",
    arms=(
        Arm(name="ReLU"),
        Arm(name="tanh", edits=change(_RELUS, function="tanh")),
        Arm(name="sigmoid", edits=change(_RELUS, function="sigmoid")),
    ),
    contrasts=tuple(
        Contrast(
            says=f"at the {when}, less of the gradient reaches the first layer with {other} than with ReLU",
            left=Value(other, f"gradients.{when}.first_to_last"),
            right=Value("ReLU", f"gradients.{when}.first_to_last"),
            expects="lower",
            by="ratio",
        )
        for other in ("tanh", "sigmoid")
        for when in ("start", "end")
    ),
    budgets=budgets(),
    shown=("gradients.start.first_to_last", "gradients.end.first_to_last", _TEST),
    measures=("gradients",),
    profiles=(
        ("gradients.start", "gradient over weight, by layer, at the start"),
        ("gradients.end", "gradient over weight, by layer, at the end"),
    ),
    curve="train_error",
    caveat="All start from the same weights and rate, chosen for ReLU.",
)

EXPERIMENTS = (INITIAL_VALUES, VIEWS, GRADIENTS)
