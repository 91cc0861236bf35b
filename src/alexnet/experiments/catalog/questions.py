"""Questions that readers of the paper ask."""

from __future__ import annotations

from dataclasses import replace

from alexnet.experiments.catalog.bases import MNIST_NET, SMALL, SMOKE, SMOKE_FISHER
from alexnet.experiments.catalog.edits import change
from alexnet.experiments.catalog.layers import less_error
from alexnet.experiments.claim import Arm, Base, Budget, Contrast, Experiment, Value

_TEST = "test.top1_error"
_SIX_NINE, _TWO_FIVE = "digits.6_9", "digits.2_5"
_STILL = ("view.mirror=false", "view.random_crop=false")

MIRRORS = Experiment(
    name="mirrored-digits",
    title="Does mirroring hurt 6 and 9?",
    claim="Mirrored training images, good for photographs, harm digits: a 6 becomes a 9.",
    source="a question of a reviewed document on section 4.1",
    arms=(
        Arm(name="as they are"),
        Arm(name="left-right", changes=("view.mirror=true",)),
        Arm(name="upside down", changes=("view.flip=true",)),
        Arm(name="half turn", changes=("view.half_turn=true",)),
        Arm(name="shifts of 2 pixels", changes=("view.pad=2", "view.random_crop=true")),
    ),
    contrasts=(
        *(
            Contrast(
                says=f"{name} raises the error",
                left=Value(name, _TEST),
                right=Value("as they are", _TEST),
                expects="higher",
            )
            for name in ("left-right", "upside down", "half turn")
        ),
        less_error("shifts lower it", "shifts of 2 pixels", "as they are"),
        *(
            Contrast(
                says=f"{name}: more of 6 and 9 are taken for each other",
                left=Value(name, _SIX_NINE),
                right=Value("as they are", _SIX_NINE),
                expects="higher",
            )
            for name in ("left-right", "upside down", "half turn")
        ),
        Contrast(
            says="left-right: more of 2 and 5 are taken for each other",
            left=Value("left-right", _TWO_FIVE),
            right=Value("as they are", _TWO_FIVE),
            expects="higher",
        ),
    ),
    budgets={
        "smoke": Budget(base=replace(SMOKE, changes=(*SMOKE.changes, *_STILL)), seeds=(0,)),
        "laptop": Budget(base=MNIST_NET, seeds=(0, 1, 2, 3, 4)),
        "gpu": Budget(base=MNIST_NET, seeds=tuple(range(10))),
    },
    shown=(_TEST, _SIX_NINE, _TWO_FIVE, "digits.4_9", "digits.7_2"),
    measures=("digits",),
    caveat="A mirror image of a 6 is no 9; half a turn makes one of it. Every second training image is turned.",
)

_FRACTIONS = (1_000, 3_000, 10_000, 30_000)
_SMALL_NET = (
    change(("conv1", "conv2"), channels=16)
    + change(("conv3", "conv4", "conv5"), channels=24)
    + change(("fc6", "fc7"), units=128)
)


def _with(count: int, small: bool) -> Arm:
    return Arm(
        name=f"{'small' if small else 'large'} net, {count:,} images",
        edits=_SMALL_NET if small else (),
        changes=(f"data.limit_train={count}", f"train.epochs={_epochs(count)}"),
    )


def _epochs(count: int) -> int:
    """Return epochs for 600,000 views in all: every network trains for as many steps, and those of few images long."""
    return 600_000 // count


def _smoke_changes() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (_with(count, small).name, ("data.limit_train=32", "train.epochs=1"))
        for count in _FRACTIONS
        for small in (False, True)
    )


DATA_OR_MODEL = Experiment(
    name="data-or-model",
    title="More data, or a larger network?",
    claim="The gain of 2012 came from data and model together: with little data the larger network gains little.",
    source="a question of a reviewed document",
    arms=tuple(_with(count, small) for count in _FRACTIONS for small in (False, True)),
    contrasts=(
        *(
            less_error(
                f"with {count:,} images the larger network has less error",
                f"large net, {count:,} images",
                f"small net, {count:,} images",
            )
            for count in _FRACTIONS
        ),
        less_error(
            "the small network with 30,000 images has less error than the large one with 3,000",
            "small net, 30,000 images",
            "large net, 3,000 images",
        ),
    ),
    budgets={
        "smoke": Budget(base=SMOKE, seeds=(0,), changes=_smoke_changes()),
        "laptop": Budget(base=SMALL),
    },
    shown=(_TEST, "train.top1_error", "cost.parameters"),
    caveat="Every network trains on 600,000 views, however many images they are of.",
)

_SIZES = (1_000, 3_000, 10_000)


def _vectors(count: int) -> Arm:
    return Arm(name=f"Fisher vectors, {count:,} images", changes=(f"data.limit_train={count}",))


LITTLE_DATA = Experiment(
    name="fisher-vectors-and-little-data",
    title="Fisher vectors, where data is little",
    claim="With little data Fisher vectors do better than the network; the more there is, the more the network gains.",
    source="a question of reviewed documents; paper, Table 1",
    arms=tuple(arm for count in _SIZES for arm in (_with(count, small=False), _vectors(count))),
    contrasts=(
        less_error(
            "with 1,000 images Fisher vectors have less error than the network",
            _vectors(1_000).name,
            _with(1_000, small=False).name,
        ),
        less_error(
            "with 10,000 images the network has less error than Fisher vectors",
            _with(10_000, small=False).name,
            _vectors(10_000).name,
        ),
    ),
    budgets={
        "smoke": Budget(
            base=SMOKE,
            seeds=(0,),
            bases=tuple((_vectors(count).name, SMOKE_FISHER) for count in _SIZES),
            changes=(
                *_smoke_changes(),
                *((_vectors(count).name, ("data.limit_train=32",)) for count in _SIZES),
            ),
        ),
        "laptop": Budget(
            base=SMALL,
            bases=tuple(
                (_vectors(count).name, Base(recipe="fisher-vectors", data=SMALL.data)) for count in _SIZES
            ),
        ),
    },
    shown=(_TEST, "train.top1_error", "cost.seconds"),
    caveat="The network trains on 600,000 views, however many images they are of; Fisher vectors see each image once.",
)

EXPERIMENTS = (MIRRORS, DATA_OR_MODEL, LITTLE_DATA)
