"""Depth, and small kernels, at as many weights."""

from __future__ import annotations

from alexnet.experiments.catalog.bases import budgets
from alexnet.experiments.catalog.edits import change, remove, widened
from alexnet.experiments.catalog.layers import less_error
from alexnet.experiments.claim import Arm, Edits, Experiment

_TEST = "test.top1_error"


def _depth(name: str, row: str, matched: bool) -> Arm:
    number = row[-1]
    gone = remove(row, f"relu{number}")
    if not matched:
        return Arm(name=name, edits=gone)
    others = tuple(r for r in ("conv3", "conv4", "conv5") if r != row)
    return Arm(name=name, edits=lambda spec: widened(spec, gone, others))


DEPTH = Experiment(
    name="depth",
    title="Depth",
    claim="Removing any middle convolution costs about two points of top-1 error.",
    source="paper, section 7",
    arms=(
        Arm(name="five convolutions"),
        *(
            _depth(f"without {row}{', others wider' if matched else ''}", row, matched)
            for row in ("conv3", "conv4", "conv5")
            for matched in (False, True)
        ),
    ),
    contrasts=tuple(
        less_error(
            f"all five have less error than without {row}{how}",
            "five convolutions",
            f"without {row}{how}",
            "about -2 points of top-1, ILSVRC" if not how else "",
        )
        for row in ("conv3", "conv4", "conv5")
        for how in ("", ", others wider")
    ),
    budgets=budgets(),
    shown=(_TEST, "train.top1_error", "cost.parameters"),
    caveat="With the others wider, the number of weights is that of all five: depth alone differs.",
)


def _kernels_of(size: int) -> Edits:
    return change(("conv3", "conv4", "conv5"), kernel=size, pad=size // 2)


SMALL_KERNELS = Experiment(
    name="kernels-and-depth",
    title="Small kernels, or depth?",
    claim="Three layers of 3 x 3 do better than fewer layers, or larger kernels, of as many weights.",
    source="a question of a reviewed document; Simonyan, Zisserman 2014 say so of deeper networks",
    arms=(
        Arm(name="three of 3 x 3"),
        Arm(
            name="three of 5 x 5, narrower",
            edits=lambda spec: widened(spec, _kernels_of(5), ("conv3", "conv4", "conv5")),
        ),
        Arm(
            name="one of 5 x 5",
            edits=lambda spec: widened(
                spec,
                remove("conv3", "relu3", "conv4", "relu4") + change(("conv5",), kernel=5, pad=2),
                ("conv5",),
            ),
        ),
        Arm(
            name="one of 3 x 3",
            edits=lambda spec: widened(spec, remove("conv3", "relu3", "conv4", "relu4"), ("conv5",)),
        ),
    ),
    contrasts=(
        less_error(
            "small kernels: less error than 5 x 5 at the same depth",
            "three of 3 x 3",
            "three of 5 x 5, narrower",
        ),
        less_error("depth: less error than one layer of 3 x 3", "three of 3 x 3", "one of 3 x 3"),
        less_error("both: less error than one layer of 5 x 5", "three of 3 x 3", "one of 5 x 5"),
    ),
    budgets=budgets(),
    shown=(_TEST, "train.top1_error", "cost.parameters", "cost.multiplications"),
    caveat="All have as many weights as steps of four channels allow.",
)

EXPERIMENTS = (DEPTH, SMALL_KERNELS)
