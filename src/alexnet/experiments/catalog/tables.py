"""Tables 1 and 2: ensembles, and pretraining on more classes."""

from __future__ import annotations

from dataclasses import replace

from alexnet.experiments.catalog.bases import IMAGENET, SMALL, SMOKE, budgets, with_seeds
from alexnet.experiments.catalog.edits import change, move
from alexnet.experiments.catalog.layers import less_error
from alexnet.experiments.claim import Arm, Base, Budget, Contrast, Ensemble, Experiment, Member, Value
from alexnet.nets.edits import Insert

_TEST = "test.top1_error"
_TOWERS = ("conv2", "conv4", "conv5", "norm1", "norm2")


def _equal(count: int) -> Ensemble:
    members = tuple(Member(arm="one network", stride=count, offset=k) for k in range(count))
    return Ensemble(name=f"{count} of one kind", members=members)


def _ensembles(count: int, name: str, title: str, paper: str, **seeds: int) -> Experiment:
    """Return the experiment with `count` networks an ensemble."""
    together = _equal(count)
    return Experiment(
        name=name,
        title=title,
        claim=f"Averaging {count} networks that differ in their seeds lowers the error.",
        source="paper, section 6, Tables 1 and 2",
        arms=(Arm(name="one network"),),
        ensembles=(together,),
        contrasts=(
            Contrast(
                says=f"{count} networks together have less error than each alone, on average",
                left=Value(together.name, _TEST),
                right=Value(together.name, "test.mean_of_one"),
                expects="lower",
                paper=paper,
            ),
        ),
        budgets=with_seeds(budgets(), **seeds),
        shown=(_TEST, "test.top5_error"),
    )


ENSEMBLES = _ensembles(
    3,
    "ensembles",
    "Ensembles",
    "-2.6 / -1.8 points for five networks (40.7 / 18.2 and 38.1 / 16.4 %), ILSVRC-2012 val",
    smoke=3,
    laptop=9,
    gpu=9,
    full=9,
)
TABLE_2 = replace(
    _ensembles(
        5,
        "table-2",
        "Table 2: five networks",
        "-2.6 / -1.8 points (40.7 / 18.2 and 38.1 / 16.4 %), ILSVRC-2012 val",
        smoke=5,
        gpu=15,
        full=15,
    ),
    budgets={
        name: budget
        for name, budget in with_seeds(budgets(), smoke=5, gpu=15, full=15).items()
        if name != "laptop"
    },
)

_KINDS = (
    Arm(name="two towers"),
    Arm(name="one tower", edits=change(_TOWERS, groups=1), seeds=3),
    Arm(
        name="pool before norm",
        edits=lambda spec: move(spec, "norm1", "pool1") + move(spec, "norm2", "pool2"),
        seeds=3,
    ),
)
DIFFERENT = Experiment(
    name="different-ensembles",
    title="Equal networks, or different ones",
    claim="Networks of different kinds gain more together than as many of one kind.",
    source="a question on paper, section 6: its seven networks were of two kinds",
    arms=_KINDS,
    ensembles=(
        Ensemble(
            name="three of one kind",
            members=tuple(Member(arm="two towers", stride=3, offset=k) for k in range(3)),
        ),
        Ensemble(name="one of each", members=tuple(Member(arm=arm.name) for arm in _KINDS)),
    ),
    contrasts=(
        less_error("one of each kind has less error than three of one", "one of each", "three of one kind"),
    ),
    budgets=with_seeds(budgets(), smoke=3, laptop=9, gpu=9, full=9),
    shown=(_TEST, "test.mean_of_one"),
    caveat="Networks of one kind may be better or worse alone: the mean of one is given beside the ensemble.",
)

_SIXTH = Insert(
    after="pool5",
    row={"kind": "conv", "name": "conv6", "channels": 64, "kernel": 3, "pad": 1, "bias": 1.0, "std": 0.03},
)
_SIXTH_RELU = Insert(after="conv6", row={"kind": "activation", "name": "relu_conv6"})
_ON_MORE = Base(
    recipe="alexnet-small",
    data="tiny-imagenet-40",
    changes=(*SMALL.changes, "data.size=36", "view.pad=0", "model.num_classes=40", "data.select_on=none"),
)
_FEW = "data.limit_train=5000"
PRETRAINING = Experiment(
    name="pretraining",
    title="Pretraining on more classes",
    claim="A network with a sixth convolution, trained on more classes first, ends with less error.",
    source="paper, section 6 (Fall 2011 release, then ILSVRC-2012) and Table 2",
    arms=(
        Arm(name="from nothing", edits=(_SIXTH, _SIXTH_RELU), changes=(_FEW,)),
        Arm(name="pretrained", edits=(_SIXTH, _SIXTH_RELU), changes=(_FEW,), pretrained=True),
    ),
    contrasts=(
        less_error(
            "pretrained on more classes it has less error",
            "pretrained",
            "from nothing",
            "-1.7 / -1.6 points (40.7 / 18.2 and 39.0 / 16.6 %), ILSVRC-2012 val, five and six convolutions",
        ),
    ),
    budgets={
        "smoke": Budget(
            base=replace(SMOKE, changes=(*SMOKE.changes, "data.limit_train=32")), seeds=(0,), pretraining=SMOKE
        ),
        "laptop": Budget(base=SMALL, pretraining=_ON_MORE),
    },
    shown=(_TEST, "train.top1_error"),
    curve="holdout_error",
    caveat=(
        "Forty classes of Tiny ImageNet in place of 21,841, and 5,000 pictures of CIFAR-10 in place of ILSVRC-2012. "
        "Both arms have six convolutions; the paper compares with five."
    ),
)

_STAR = Base(recipe="alexnet-146-ilsvrc2012", data="ilsvrc2012")
_FALL_2011 = Base(recipe="alexnet-146-fall2011", data="imagenet-fall2011")
SEVEN = Experiment(
    name="table-2-seven",
    title="Table 2: seven networks",
    claim="Two networks pretrained on the Fall 2011 release, averaged with five others, give 15.4 % top-5 error.",
    source="paper, section 6 and Table 2",
    arms=(Arm(name="1 CNN"), Arm(name="1 CNN*", pretrained=True, seeds=2)),
    ensembles=(
        Ensemble(name="5 CNNs", members=tuple(Member(arm="1 CNN", stride=5, offset=k) for k in range(5))),
        Ensemble(
            name="7 CNNs*",
            members=(
                *(Member(arm="1 CNN", stride=5, offset=k) for k in range(5)),
                *(Member(arm="1 CNN*", stride=2, offset=k) for k in range(2)),
            ),
        ),
    ),
    contrasts=(
        less_error(
            "seven have less error than five",
            "7 CNNs*",
            "5 CNNs",
            "36.7 / 15.4 and 38.1 / 16.4 %, ILSVRC-2012 val",
        ),
        less_error(
            "pretrained, one has less error",
            "1 CNN*",
            "1 CNN",
            "39.0 / 16.6 and 40.7 / 18.2 %, ILSVRC-2012 val",
        ),
    ),
    budgets={
        "smoke": Budget(base=SMOKE, seeds=(0, 1, 2, 3, 4), pretraining=SMOKE),
        "full": Budget(
            base=IMAGENET, seeds=(0, 1, 2, 3, 4), pretraining=_FALL_2011, bases=(("1 CNN*", _STAR),)
        ),
    },
    shown=(_TEST, "test.top5_error"),
    caveat="The table has one ensemble of each kind: with one there is no interval, and one cannot tell.",
)

EXPERIMENTS = (ENSEMBLES, TABLE_2, SEVEN, DIFFERENT, PRETRAINING)
