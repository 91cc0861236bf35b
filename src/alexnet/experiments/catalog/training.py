"""Ablations of training and testing: dropout, augmentation, initial values, decay, views, activations."""

from __future__ import annotations

from alexnet.experiments.catalog.bases import budgets
from alexnet.experiments.catalog.edits import CONVOLUTIONS, change, remove
from alexnet.experiments.catalog.layers import less_error
from alexnet.experiments.claim import Arm, Contrast, Experiment, Value

_TEST = "test.top1_error"
_HIDDEN = ("fc6", "fc7")
_HALF_OPEN = ("conv2", "conv4", "conv5", *_HIDDEN)

DROPOUT = Experiment(
    name="dropout",
    title="Dropout",
    claim="Without dropout in the first two fully connected layers the network overfits substantially.",
    source="paper, section 4.2",
    arms=(Arm(name="dropout"), Arm(name="none", edits=remove("drop6", "drop7"))),
    contrasts=(
        less_error(
            "dropout has less test error", "dropout", "none", "substantial overfitting without it; no figure"
        ),
        Contrast(
            says="and a smaller gap between test and training error",
            left=Value("dropout", "train.gap"),
            right=Value("none", "train.gap"),
            expects="lower",
            paper="substantial overfitting without it; no figure",
        ),
    ),
    budgets=budgets(),
    shown=(_TEST, "train.top1_error", "train.gap"),
    curve="holdout_error",
    caveat="Both train for as many epochs; the paper says that dropout about doubles those that are needed.",
)

AVERAGING = Experiment(
    name="dropout-averaging",
    title="Halved outputs for the mean of many networks",
    claim="Halving all outputs at test time comes close to the geometric mean of the networks that dropout makes.",
    source="paper, section 4.2",
    arms=(Arm(name="dropout"),),
    contrasts=(
        Contrast(
            says="halved outputs have the error of the geometric mean of 100 masked passes, within a point",
            left=Value("dropout", "masked.halved.top1_error"),
            right=Value("dropout", "masked.geometric_mean.top1_error"),
            expects="equal",
            margin=0.01,
            paper="a reasonable approximation; no figure",
        ),
        Contrast(
            says="and less error than a single masked network",
            left=Value("dropout", "masked.halved.top1_error"),
            right=Value("dropout", "masked.one_mask.top1_error"),
            expects="lower",
        ),
    ),
    budgets=budgets(),
    shown=(
        "masked.halved.top1_error",
        "masked.geometric_mean.top1_error",
        "masked.arithmetic_mean.top1_error",
        "masked.one_mask.top1_error",
    ),
    measures=("masked",),
)

_NO_CROP, _NO_MIRROR = "view.random_crop=false", "view.mirror=false"
_COLOR = "view.color_noise=paper"
AUGMENTATION = Experiment(
    name="augmentation",
    title="Augmentation",
    claim="Crops and mirrors keep the network from overfitting; color noise takes off another point.",
    source="paper, section 4.1",
    arms=(
        Arm(name="none", changes=(_NO_CROP, _NO_MIRROR)),
        Arm(name="crops", changes=(_NO_MIRROR,)),
        Arm(name="mirrors", changes=(_NO_CROP,)),
        Arm(name="color", changes=(_NO_CROP, _NO_MIRROR, _COLOR)),
        Arm(name="crops and mirrors"),
        Arm(name="crops, mirrors and color", changes=(_COLOR,)),
    ),
    contrasts=(
        less_error("crops have less error than none", "crops", "none"),
        less_error("mirrors have less error than none", "mirrors", "none"),
        less_error(
            "crops and mirrors have less error than none", "crops and mirrors", "none", "substantial; no figure"
        ),
        less_error("color noise alone has less error than none", "color", "none"),
        less_error(
            "color noise besides crops and mirrors has less error than these",
            "crops, mirrors and color",
            "crops and mirrors",
            "over 1 point of top-1 error, ILSVRC-2012",
        ),
    ),
    budgets=budgets(),
    shown=(_TEST, "train.top1_error", "train.gap"),
)

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

DECAY = Experiment(
    name="weight-decay",
    title="Weight decay",
    claim="A little weight decay lowers the training error: it is not a mere regularizer.",
    source="paper, section 5",
    arms=(Arm(name="0.0005"), Arm(name="none", changes=("optim.weight_decay=0.0",))),
    contrasts=(
        Contrast(
            says="weight decay lowers the training error",
            left=Value("0.0005", "train.top1_error"),
            right=Value("none", "train.top1_error"),
            expects="lower",
            paper="lowers it; no figure",
        ),
        less_error("and the test error", "0.0005", "none"),
    ),
    budgets=budgets(),
    shown=("train.top1_error", _TEST, "train.gap"),
    curve="train_error",
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
    curve="train_error",
    caveat="All start from the same weights and rate, chosen for ReLU.",
)

EXPERIMENTS = (DROPOUT, AVERAGING, AUGMENTATION, INITIAL_VALUES, DECAY, VIEWS, GRADIENTS)
