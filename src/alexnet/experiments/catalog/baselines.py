"""Table 1: the network against what was best before it, and against thin networks."""

from __future__ import annotations

from dataclasses import replace

from alexnet.experiments.catalog.bases import SMALL, SMOKE, SMOKE_BASELINE, SMOKE_DENSE, SMOKE_FISHER
from alexnet.experiments.catalog.layers import less_error
from alexnet.experiments.claim import Arm, Base, Budget, Experiment

_NETWORK, _FISHER, _SPARSE, _LLC = "network", "SIFT + Fisher vectors", "sparse coding", "local coding (LLC)"
_HIDDEN, _SHALLOW = "one hidden layer", "shallow convolution"
_IMAGES = ("data.limit_train=10000",)


def _of(recipe: str, *changes: str, like: Base = SMALL) -> Base:
    return Base(recipe=recipe, data=like.data, changes=changes)


_SMOKE_BASES = (
    (_FISHER, SMOKE_FISHER),
    (
        _LLC,
        _of(
            "llc",
            *SMOKE_BASELINE,
            f'features=[{{kind="local",pca=8,samples=500,pyramid=["1x1"],{SMOKE_DENSE},encoder={{kind="llc",words=16}}}}]',
            like=SMOKE,
        ),
    ),
    (
        _SPARSE,
        _of(
            "sparse-coding",
            *SMOKE_BASELINE,
            'features=[{kind="sparse_coding",atoms=16,patches=500,batch=100}]',
            like=SMOKE,
        ),
    ),
    (_HIDDEN, replace(SMOKE, recipe="one-hidden-layer")),
    (_SHALLOW, replace(SMOKE, recipe="shallow-conv")),
)
_2010 = "ilsvrc2010"
_THIN_2010 = ("data.size=33", "data.holdout=0", "data.select_on=none", "model.num_classes=1000")
_FULL = Budget(
    base=Base(recipe="alexnet-145-ilsvrc2010", data=_2010),
    bases=(
        (_FISHER, Base(recipe="fisher-vectors-ilsvrc2010", data=_2010)),
        (_SPARSE, Base(recipe="sparse-coding", data=_2010, changes=("data.size=32", "data.holdout=50000"))),
        (_LLC, Base(recipe="llc-ilsvrc2010", data=_2010)),
        (_HIDDEN, Base(recipe="one-hidden-layer", data=_2010, changes=_THIN_2010)),
        (_SHALLOW, Base(recipe="shallow-conv", data=_2010, changes=_THIN_2010)),
    ),
)
_LONG = replace(SMALL, changes=(*SMALL.changes, "train.epochs=60"))
_THIN = (*SMALL.changes, "train.epochs=30")

TABLE_1 = Experiment(
    name="table-1",
    title="Table 1: against what was best before",
    claim="The network has far less error than Fisher vectors of SIFT and than sparse coding.",
    source="paper, section 6, Table 1; sections 5.3 and 5.4 of the entries it names",
    arms=(
        Arm(name=_NETWORK),
        Arm(name=_FISHER, seeds=3),
        Arm(name=_SPARSE, seeds=3),
        Arm(name=_LLC, seeds=3),
        Arm(name=_HIDDEN),
        Arm(name=_SHALLOW),
    ),
    contrasts=(
        less_error(
            "the network has less error than SIFT + Fisher vectors",
            _NETWORK,
            _FISHER,
            "37.5 / 17.0 and 45.7 / 25.7 %, ILSVRC-2010 test",
        ),
        less_error(
            "the network has less error than sparse coding of pixels",
            _NETWORK,
            _SPARSE,
            "37.5 / 17.0 and 47.1 / 28.2 % (of descriptors, six models), ILSVRC-2010 test",
        ),
        less_error(
            "than local coding of descriptors",
            _NETWORK,
            _LLC,
            "37.5 / 17.0 and 47.1 / 28.2 %, ILSVRC-2010 test",
        ),
        less_error("than one hidden layer", _NETWORK, _HIDDEN),
        less_error("than one convolution", _NETWORK, _SHALLOW),
    ),
    budgets={
        "smoke": Budget(base=SMOKE, seeds=(0,), bases=_SMOKE_BASES),
        "laptop": Budget(
            base=_LONG,
            bases=(
                (_FISHER, _of("fisher-vectors", *_IMAGES)),
                (_SPARSE, _of("sparse-coding", *_IMAGES)),
                (_LLC, _of("llc", *_IMAGES)),
                (_HIDDEN, replace(SMALL, recipe="one-hidden-layer", changes=_THIN)),
                (_SHALLOW, replace(SMALL, recipe="shallow-conv", changes=_THIN)),
            ),
        ),
        "full": _FULL,
    },
    shown=("test.top1_error", "train.top1_error", "cost.seconds"),
    caveat=(
        "On CIFAR-10 all learn from 10,000 pictures, the same for the same seed, the network for sixty epochs. The "
        "published features are of large "
        "photographs; these pictures have 32 pixels, enlarged to 64 for the descriptors. On ILSVRC-2010 (budget full) "
        "descriptors are of the photographs; sparse coding of pixels and the thin networks see 32 pixels there, too."
    ),
)

EXPERIMENTS = (TABLE_1,)
