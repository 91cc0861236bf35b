"""Does one piece of work: trains a network and measures it, or averages several."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from alexnet.core.errors import DataError, DivergedError
from alexnet.data.pack.read import Pack
from alexnet.evaluation.evaluate import evaluate
from alexnet.experiments import memory
from alexnet.experiments.measures.registry import MEASURES, USUAL
from alexnet.experiments.measures.trained import BATCH, Measured, Trained, errors
from alexnet.experiments.order import Done, Order
from alexnet.experiments.part import Average, Network
from alexnet.runs import baseline, environment
from alexnet.runs.baseline_recipe import BaselineRecipe
from alexnet.runs.folder import RunFolder
from alexnet.runs.predictor import load
from alexnet.runs.train import resume, start


def do(order: Order, device: torch.device) -> Done:
    """Do a piece of work; a run that was stopped before goes on.

    Raises:
        AlexNetError: the run could not be trained or measured; StoppedError: it was asked to stop, and saved.
    """
    if isinstance(order.part, Average):
        return _average(order, order.part, device)
    return _network(order, order.part, device)


def run_folder(scratch: Path, part: Network) -> Path:
    """Return where a network's run is kept."""
    return scratch / part.digest[:16]


def train(order: Order, part: Network, device: torch.device) -> Path:
    """Train a network unless it is there already; return its run's folder."""
    folder = RunFolder(run_folder(order.scratch, part))
    if isinstance(part.recipe, BaselineRecipe):
        return _fitted(order, part, part.recipe, folder)
    if folder.recipe.is_file():
        if folder.read_record()["status"] != "finished":
            resume(folder.path, device, Pack.open)
        return folder.path
    recipe = part.recipe
    if part.pretraining is not None:
        weights = train(order, part.pretraining, device)
        recipe = replace(recipe, model=replace(recipe.model, weights=str(weights)))
    start(recipe, Pack.open(order.pack(part)), folder.path, device)
    return folder.path


def _fitted(order: Order, part: Network, recipe: BaselineRecipe, folder: RunFolder) -> Path:
    if not folder.recipe.is_file():
        baseline.start(recipe, Pack.open(order.pack(part)), folder.path)
    elif folder.read_record()["status"] != "finished":
        baseline.resume(folder.path, Pack.open)
    return folder.path


def _network(order: Order, part: Network, device: torch.device) -> Done:
    pack = Pack.open(order.pack(part))
    memory.begin(device)
    try:
        folder = train(order, part, device)
    except DivergedError as error:
        shutil.rmtree(run_folder(order.scratch, part), ignore_errors=True)
        described = {"data": _described(part.data, pack), "seed": part.recipe.seed}
        return Done(described | {"diverged": str(error), "measures": {}}, {})
    trained = Trained(folder, part.recipe, pack, load(folder, device=device), device)
    trained.peak_memory = memory.peak(device)
    measured: dict[str, Measured] = {}
    for name in (*USUAL, *(n for n in order.measures if n not in USUAL)):
        measured[name] = MEASURES[name](trained)
        trained.so_far[name] = measured[name].values
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    record = {
        "data": _described(part.data, pack) | {"trained_on": len(trained.portions.train)},
        "seed": part.recipe.seed,
        "measures": trained.so_far,
        "environment": run["environment"],
    }
    if not order.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return Done(record, {name: data for m in measured.values() for name, data in m.pictures.items()})


def _average(order: Order, part: Average, device: torch.device) -> Done:
    pack = Pack.open(order.pack(part.networks[0]))
    runs = [train(order, network, device) for network in part.networks]
    trained = [
        Trained(run, network.recipe, pack, load(run, device=device), device)
        for run, network in zip(runs, part.networks, strict=True)
    ]
    images, indices = trained[0].test
    views = trained[0].views
    alone = [one.evaluate((images, indices), views).top1_error for one in trained]
    together = evaluate(
        [one.predictor.classifier for one in trained],
        images,
        indices,
        num_views=views,
        batch_size=min(BATCH, len(indices)),
    )
    if len({one.recipe.data.limit_val for one in trained}) > 1:
        raise DataError("the networks of an ensemble were tried on different images", where=part.label)
    record = {
        "data": _described(part.data, pack),
        "measures": {
            "test": errors(together)
            | {"mean_of_one": sum(alone) / len(alone), "each": [round(e, 6) for e in alone], "views": views}
        },
        "environment": environment.describe(device),
    }
    return Done(record, {})


def _described(name: str, pack: Pack) -> dict[str, Any]:
    splits = {split: len(pack.split(split)) for split in pack.splits}
    return {"name": name, "pack_digest": pack.digest, "classes": len(pack.classes), "images": splits}
