"""An experiment of two arms, and results that nobody measured."""

from alexnet.experiments.claim import Arm, Base, Budget, Contrast, Ensemble, Experiment, Member, Search, Value
from alexnet.experiments.plan import plan

SMALL = Base(recipe="alexnet-small", data="demo", changes=("train.epochs=1",))


def experiment(
    seeds=(0, 1, 2), *, rates=(), ensembles=(), expects="lower", margin=0.0, by="difference", **more
):
    arms = (Arm(name="with", rates=rates), Arm(name="without", changes=("view.mirror=false",)))
    return Experiment(
        name="planted",
        title="A planted effect",
        claim="With it there is less error.",
        source="nowhere",
        arms=arms,
        ensembles=ensembles,
        contrasts=(
            Contrast(
                says="less error with it",
                left=Value("with", "test.top1_error"),
                right=Value("without", "test.top1_error"),
                expects=expects,
                margin=margin,
                by=by,
                paper="-1 point",
            ),
        ),
        budgets={"laptop": Budget(base=SMALL, seeds=tuple(seeds))},
        search=Search(measure="curves.mean_train_loss") if rates else None,
        curve="train_error",
        **more,
    )


def pair():
    return Ensemble(name="pair", members=(Member(arm="with", stride=2), Member(arm="with", stride=2, offset=1)))


def record(error, *, loss=1.0, seed=0):
    return {
        "data": {"name": "demo", "pack_digest": "d", "classes": 12, "images": {"val": 100}, "trained_on": 50},
        "seed": seed,
        "measures": {
            "test": {"top1_error": error, "top5_error": 0.1, "loss": 1.0, "count": 100},
            "train": {"top1_error": error / 2, "gap": error / 2},
            "curves": {"mean_train_loss": loss, "train_error": [0.9, error], "epochs_to_25": 2.0},
            "cost": {"seconds": 10.0},
        },
        "environment": {"commit": "0123456789abcdef", "torch": "2.13.0", "device": "cpu", "system": "Linux"},
    }


def plant(results, found, errors):
    """Give each arm's parts these errors by seed: {"with": {0: 0.2}}."""
    parts = plan(found, "laptop", results).parts
    for arm, by_seed in errors.items():
        for seed, error in by_seed.items():
            part = parts[arm][seed]
            told = record(error, seed=seed)
            results.add(part, told | {"data": told["data"] | {"name": part.data}}, {})
