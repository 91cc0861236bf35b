"""Ablations of layers: normalization, pooling, towers."""

from __future__ import annotations

from dataclasses import replace

from alexnet.experiments.catalog.bases import CIFAR_13, SMALL, SMOKE, SMOKE_CIFAR, budgets
from alexnet.experiments.catalog.edits import CONVOLUTIONS, POOLS, change, move, remove
from alexnet.experiments.claim import Arm, Base, Budget, Contrast, Edits, Experiment, Value
from alexnet.nets.edits import Insert
from alexnet.nets.tables import NetSpec

_NORMS = ("norm1", "norm2")
_TEST = "test.top1_error"


def less_error(says: str, left: str, right: str, paper: str = "") -> Contrast:
    """Return the claim that one arm's top-1 test error is lower than another's."""
    return Contrast(says=says, left=Value(left, _TEST), right=Value(right, _TEST), expects="lower", paper=paper)


def _batch_norm(spec: NetSpec) -> Edits:
    rows = tuple(
        Insert(after=name, row={"kind": "batch_norm", "name": f"bn{name[-1]}"}) for name in CONVOLUTIONS
    )
    return remove(*_NORMS) + rows


_WITHIN = Insert(after="norm2", row={"kind": "spatial_norm", "name": "within2", "size": 5, "alpha": 0.001 / 25})

NORMALIZATION = Experiment(
    name="normalization",
    title="Local response normalization",
    claim="Local response normalization lowers the error; batch normalization in its place is a later idea.",
    source="paper, section 3.3; configs 145 and 148 of the 2012 source; Ioffe, Szegedy 2015",
    arms=(
        Arm(name="LRN"),
        Arm(name="none", edits=remove(*_NORMS)),
        Arm(name="LRN and within a map", edits=(_WITHIN,)),
        Arm(name="batch norm", edits=_batch_norm),
    ),
    contrasts=(
        less_error(
            "LRN has less error than no normalization", "LRN", "none", "-1.4 / -1.2 points, ILSVRC-2012 val"
        ),
        less_error(
            "with the second normalizer of the 2012 source, less than with LRN alone",
            "LRN and within a map",
            "LRN",
        ),
        less_error("batch normalization has less error than LRN", "batch norm", "LRN"),
    ),
    budgets=budgets(),
    shown=(_TEST, "train.gap", "cost.seconds"),
    curve="holdout_error",
    caveat="The paper's own comparison, config 148 against 145, also took out the normalizer within maps.",
)


def _lrn(name: str) -> dict[str, int | float | str]:
    """Return the normalizer of layers-conv-local-11pct.cfg."""
    return {"kind": "lrn", "name": name, "size": 9, "alpha": 0.001 / 9, "k": 1.0}


CIFAR_LRN = Experiment(
    name="cifar-normalization",
    title="The CIFAR-10 network of section 3.3",
    claim="On CIFAR-10 a four-layer network has 13 % error without normalization and 11 % with it.",
    source="paper, section 3.3; layers-conv-local-13pct.cfg and -11pct.cfg of the 2012 source",
    arms=(
        Arm(name="none"),
        Arm(
            name="LRN",
            edits=(
                Insert(after="pool1", row=_lrn("norm1")),
                Insert(after="relu2", row=_lrn("norm2")),
            ),
        ),
    ),
    contrasts=(less_error("LRN has less error", "LRN", "none", "-2 points (13 % and 11 %), CIFAR-10 test"),),
    budgets={
        "smoke": Budget(base=SMOKE_CIFAR, seeds=(0,)),
        "laptop": Budget(base=CIFAR_13),
    },
    curve="holdout_error",
    caveat=(
        "The published networks also differ in width (local3: 32 and 64 maps) and in decay (0.004 and 0.01); here both "
        "are held fixed at the 13 % network's."
    ),
)

POOLING = Experiment(
    name="pooling",
    title="Overlapping pooling",
    claim="Pools of 3 x 3 every two pixels have less error than 2 x 2, and overfit slightly less.",
    source="paper, section 3.4; config 147 of the 2012 source",
    arms=(
        Arm(name="3 x 3, overlapping"),
        Arm(name="2 x 2, nothing else changed", edits=change(POOLS, size=2)),
        Arm(
            name="2 x 2, as in config 147",
            edits=change(POOLS, size=2, ceil=True) + change(("conv2",), pad=1) + change(("conv5",), pad=0),
        ),
    ),
    contrasts=(
        less_error(
            "overlapping pools have less error than 2 x 2 with nothing else changed",
            "3 x 3, overlapping",
            "2 x 2, nothing else changed",
            "-0.4 / -0.3 points, ILSVRC-2012 val, with other paddings",
        ),
        Contrast(
            says="and a smaller gap between test and training error",
            left=Value("3 x 3, overlapping", "train.gap"),
            right=Value("2 x 2, nothing else changed", "train.gap"),
            expects="lower",
            paper="slightly more difficult to overfit: an observation without a figure",
        ),
        less_error(
            "overlapping pools have less error than config 147's",
            "3 x 3, overlapping",
            "2 x 2, as in config 147",
            "-0.4 / -0.3 points, ILSVRC-2012 val",
        ),
    ),
    budgets=budgets(),
    shown=(_TEST, "train.top1_error", "train.gap", "cost.seconds"),
    curve="holdout_error",
    caveat="Config 147 also changed the padding of conv2 and conv5. Maps are of the same size in the first two arms.",
)

_SIDES = (31, 63)


def _of_side(side: int, base: Base, *changes: str) -> Base:
    name = "alexnet_small" if side == 31 else f"alexnet_small_{side}"
    return replace(
        base, changes=(*base.changes, f'model.name="{name}"', f"view.crop={side}", "view.pad=0", *changes)
    )


def _at_sides(base: Base, *changes: str, pad: bool = False) -> Budget:
    """Return a budget in which each arm has pictures of its side; with `pad`, larger by a border only."""
    of = {side: _of_side(side, base, *changes, *_room(side, pad)) for side in _SIDES}
    return Budget(base=of[31], bases=tuple((_at(side, size), of[side]) for side in _SIDES for size in (3, 2)))


def _room(side: int, pad: bool) -> tuple[str, ...]:
    if pad:
        return (f"view.pad={(side - 31) // 2}",)
    return (f"data.size={side + 1}",)


def _at(side: int, size: int) -> str:
    return f"{size} x {size}, {side} pixels"


POOLING_SIZES = Experiment(
    name="pooling-sizes",
    title="Overlapping pooling at two image sizes",
    claim="How much overlapping pools gain depends on the size of the images, and they cost time.",
    source="a question of a reviewed document on section 3.4",
    arms=tuple(Arm(name=_at(side, size), edits=change(POOLS, size=size)) for side in _SIDES for size in (3, 2)),
    contrasts=tuple(
        contrast
        for side in _SIDES
        for contrast in (
            less_error(f"at {side} pixels 3 x 3 has less error than 2 x 2", _at(side, 3), _at(side, 2)),
            Contrast(
                says=f"at {side} pixels 3 x 3 takes longer to train",
                left=Value(_at(side, 3), "cost.seconds"),
                right=Value(_at(side, 2), "cost.seconds"),
                expects="higher",
                by="ratio",
            ),
        )
    ),
    budgets={
        "smoke": replace(_at_sides(SMOKE, pad=True), seeds=(0,)),
        "laptop": _at_sides(
            replace(SMALL, data="tiny-imagenet-40"),
            "model.num_classes=40",
            "data.limit_train=5000",
            "data.holdout=2000",
        ),
    },
    shown=(_TEST, "train.gap", "cost.seconds", "cost.multiplications"),
    caveat="The same pictures, scaled to 32 and to 64 pixels, without shifts beyond one pixel. Time is this machine's.",
)

TOWERS = Experiment(
    name="towers",
    title="Two towers",
    claim="Two towers with some exchange have less error than a network of half the width, or than without exchange.",
    source="paper, section 3.2; configs 145, 145-half and 150 of the 2012 source",
    arms=(
        Arm(name="two towers"),
        Arm(name="one tower, full width", edits=change(("conv2", "conv4", "conv5", *_NORMS), groups=1)),
        Arm(
            name="one tower, half width",
            edits=lambda spec: (
                change(("conv2", "conv4", "conv5", *_NORMS), groups=1)
                + tuple(
                    edit
                    for row in spec.table
                    if row.name in CONVOLUTIONS[:4]
                    for edit in change((row.name,), channels=row.channels // 2)  # type: ignore[union-attr]
                )
            ),
        ),
        Arm(name="two towers that never meet", edits=change(("conv3", "fc6", "fc7"), groups=2)),
    ),
    contrasts=(
        less_error(
            "two towers have less error than one of half the width",
            "two towers",
            "one tower, half width",
            "-1.7 / -1.2 points, ILSVRC-2010 test",
        ),
        less_error(
            "two towers have less error than two that never meet",
            "two towers",
            "two towers that never meet",
            "-1.2 / -1.1 points, 2010 (configs 145 and 150, other widths)",
        ),
        Contrast(
            says="two towers take less time to train than the one of half the width",
            left=Value("two towers", "cost.seconds"),
            right=Value("one tower, half width", "cost.seconds"),
            expects="lower",
            by="ratio",
            paper="slightly less time, on two GPUs against one",
        ),
    ),
    budgets=budgets(),
    shown=(_TEST, "cost.seconds", "cost.peak_memory_mb", "cost.parameters", "cost.multiplications"),
    curve="holdout_error",
    caveat=(
        "The network of half the width keeps conv5 and the fully connected layers, as in the paper's footnote. Time is "
        "that of one process on this machine and whatever else ran there."
    ),
)


def _order(before_relu: bool, before_pool: bool) -> Arm:
    name = f"norm {'before' if before_relu else 'after'} ReLU, {'before' if before_pool else 'after'} pool"

    def edits(spec: NetSpec) -> Edits:
        found: Edits = ()
        for n in (1, 2):
            if not before_pool:
                found += move(spec, f"pool{n}", f"conv{n}" if before_relu else f"relu{n}")
            if before_relu:
                found += move(spec, f"norm{n}", f"conv{n}" if before_pool else f"pool{n}")
        return found

    return Arm(name=name, edits=() if before_pool and not before_relu else edits)


ORDER = Experiment(
    name="normalization-order",
    title="Where normalization stands",
    claim="Whether normalization stands before or after the pool, or the ReLU, makes next to no difference.",
    source="the author's note of 0.1 points; Caffe's two networks (57.1 and 57.4 % accuracy); a reviewed document",
    arms=tuple(_order(relu, pool) for relu in (False, True) for pool in (True, False)),
    contrasts=tuple(
        Contrast(
            says=f"{name} has the same error as the paper's order, within a point",
            left=Value(name, _TEST),
            right=Value("norm after ReLU, before pool", _TEST),
            expects="equal",
            margin=0.01,
            paper=paper,
        )
        for name, paper in (
            ("norm after ReLU, after pool", "0.3 points less with the pool first, ILSVRC-2012 val (Caffe)"),
            ("norm before ReLU, before pool", ""),
            ("norm before ReLU, after pool", ""),
        )
    ),
    budgets=budgets(),
)

EXPERIMENTS = (NORMALIZATION, CIFAR_LRN, POOLING, POOLING_SIZES, TOWERS, ORDER)
