"""What the budgets train: the same experiment on the data that is at hand."""

from __future__ import annotations

from dataclasses import replace

from alexnet.experiments.claim import Base, Budget, BudgetName

_ONE_THREAD = ("train.threads=1", "checkpoint.keep=1", "checkpoint.every_epochs=1000")
"""One core a network, so that its numbers do not depend on how many there are, and as many side by side."""

# Rendered pictures; small enough for all experiments together to take three minutes.
_TINY = (
    *_ONE_THREAD,
    "data.size=32",
    "data.limit_train=64",
    "data.limit_val=48",
    "data.holdout=64",
    "model.num_classes=12",
    "train.epochs=2",
    "train.batch_size=16",
    "train.log_every=2",
)
SMOKE = Base(recipe="alexnet-small", data="demo", changes=_TINY)
SMOKE_CIFAR = Base(recipe="cifar10-19pct", data="demo", changes=_TINY)
SMOKE_BASELINE = ("data.size=32", "data.limit_train=64", "data.limit_val=48", "data.holdout=64", "images=64")
SMOKE_DENSE = "dense={side=32,step=8,squares=[16]}"
SMOKE_FISHER = Base(
    recipe="fisher-vectors",
    data="demo",
    changes=(
        *SMOKE_BASELINE,
        f'features=[{{kind="local",pca=8,samples=500,pyramid=["1x1"],{SMOKE_DENSE},'
        'encoder={kind="fisher",components=4}}]',
    ),
)

SMALL = Base(
    recipe="alexnet-small",
    data="cifar10",
    changes=(*_ONE_THREAD, "data.limit_train=10000", "train.epochs=15"),
)
"""The paper's rows for 32 pixels on 10,000 pictures of CIFAR-10, fifteen epochs: a minute on two cores. Few pictures,
seen often: as the paper's network, it can learn its training images by heart."""

FEW_IMAGES = Base(
    recipe="alexnet-small",
    data="cifar10",
    changes=(*_ONE_THREAD, "data.limit_train=3000", "data.holdout=1000", "train.epochs=60"),
)
"""The same rows on 3,000 pictures, each seen sixty times: without regularization it knows them by heart."""

TINY_IMAGENET = Base(
    recipe="tiny-imagenet",
    data="tiny-imagenet-40",
    changes=("train.epochs=30", "train.batch_size=128", "data.holdout=2000", "data.select_on=holdout"),
)
"""The paper's network, 224 pixels, on 40 classes of Tiny ImageNet."""

IMAGENET = Base(recipe="alexnet-ilsvrc2012", data="ilsvrc2012")

CIFAR_NET = Base(recipe="cifar10-19pct", data="cifar10", changes=_ONE_THREAD)
MNIST_NET = Base(recipe="mnist-lenet5", data="mnist", changes=_ONE_THREAD)
CIFAR_13 = Base(recipe="cifar10-13pct-fast", data="cifar10", changes=_ONE_THREAD)


def budgets(
    smoke: Base = SMOKE, laptop: Base = SMALL, gpu: Base = TINY_IMAGENET, full: Base = IMAGENET
) -> dict[BudgetName, Budget]:
    """Return the usual budgets: one seed to see that it runs, three to judge, ImageNet in full."""
    return {
        "smoke": Budget(base=smoke, seeds=(0,)),
        "laptop": Budget(base=laptop),
        "gpu": Budget(base=gpu),
        "full": Budget(base=full),
    }


def with_seeds(found: dict[BudgetName, Budget], **seeds: int) -> dict[BudgetName, Budget]:
    """Return budgets with other numbers of seeds: `with_seeds(budgets(), laptop=9)`."""
    return {
        name: replace(budget, seeds=tuple(range(seeds[name]))) if name in seeds else budget
        for name, budget in found.items()
    }
