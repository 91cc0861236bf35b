"""What keeps a network from overfitting: dropout, augmentation, weight decay.

Dropout and augmentation are tried twice: where the network learns few images by heart, as the paper's would have, and
in the short runs of the other ablations, where they can only slow it down.
"""

from __future__ import annotations

from dataclasses import replace

from alexnet.experiments.catalog.bases import FEW_IMAGES, budgets
from alexnet.experiments.catalog.edits import remove
from alexnet.experiments.catalog.layers import less_error
from alexnet.experiments.claim import Arm, Contrast, Experiment, Value

_TEST = "test.top1_error"
_BRIEF = (
    "Fifteen epochs of 10,000 images: the network does not know them by heart, with or without it, and what makes "
    "learning harder can only cost. The same claim with 3,000 images and sixty epochs: {name}."
)


def _brief(experiment: Experiment, arms: int, contrasts: int) -> Experiment:
    """Return an experiment in the short runs of the others, with the first of its arms and contrasts."""
    usual = budgets()
    return replace(
        experiment,
        name=f"{experiment.name}-brief",
        title=f"{experiment.title}, in short runs",
        arms=experiment.arms[:arms],
        contrasts=experiment.contrasts[:contrasts],
        budgets={"smoke": usual["smoke"], "laptop": usual["laptop"]},
        caveat=_BRIEF.format(name=experiment.name),
    )


DROPOUT = Experiment(
    name="dropout",
    title="Dropout",
    claim="Without dropout in the first two fully connected layers the network overfits substantially.",
    source="paper, section 4.2",
    arms=(
        Arm(name="dropout"),
        Arm(name="none", edits=remove("drop6", "drop7")),
    ),
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
        Contrast(
            says="and needs about twice the epochs: to 25 % training error, more than without it",
            left=Value("dropout", "curves.epochs_to_25"),
            right=Value("none", "curves.epochs_to_25"),
            expects="higher",
            by="ratio",
            paper="roughly doubles the iterations",
        ),
    ),
    budgets=budgets(laptop=FEW_IMAGES),
    shown=(_TEST, "train.top1_error", "train.gap", "curves.epochs_to_25"),
    curve="holdout_error",
    caveat="Both train for as many epochs, with crops and mirrors. Training error by epoch is with dropout's masks.",
)
DROPOUT_BRIEF = _brief(DROPOUT, 2, 2)

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
        Arm(name="with the 2012 source's color", changes=("view.color_noise=code2012",)),
        Arm(name="with the color of torch code", changes=("view.color_noise=lighting",)),
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
        less_error(
            "so has the stronger noise of the 2012 source", "with the 2012 source's color", "crops and mirrors"
        ),
        less_error(
            "and the weaker one that circulates with torch code",
            "with the color of torch code",
            "crops and mirrors",
        ),
    ),
    budgets=budgets(laptop=FEW_IMAGES),
    shown=(_TEST, "train.top1_error", "train.gap"),
    caveat=(
        "Noise along the first color axis has a standard deviation of 5.8 gray levels of 255 by the paper's text, of "
        "11.1 in the 2012 source, and 2.2 times less than the source's 12.2 before its division in torch code."
    ),
)
AUGMENTATION_BRIEF = _brief(AUGMENTATION, 6, 5)

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

EXPERIMENTS = (DROPOUT, DROPOUT_BRIEF, AVERAGING, AUGMENTATION, AUGMENTATION_BRIEF, DECAY)
