"""Recipes that ask for the fast path: whole runs as `alexnet train` makes them, and one line where it cannot be."""

import json

import numpy as np
import pytest
import torch

from alexnet.bench.random_source import pack_random
from alexnet.checkpoint.store import MODEL, VELOCITY, read_tensors
from alexnet.core.errors import DataError, RecipeError, UsageError
from alexnet.data.pack.read import Pack
from alexnet.data.sources.options import SourceOptions
from alexnet.runs import look, train
from alexnet.runs.assemble import assemble
from alexnet.runs.data import open_data
from alexnet.runs.fast_path import is_graphed, require_kernels
from alexnet.runs.recipe import load_recipe
from alexnet.training.graphed import GraphedStepper
from alexnet.training.stepper import PlainStepper

pytestmark = pytest.mark.usefixtures("kernels", "stages")
CHANGES = [
    "train.epochs=2", "train.precision=float32", "train.batch_size=8", "data.holdout=4", "data.select_on=holdout",
    "data.watch_val=false", "checkpoint.every_epochs=1", "schedule.kind=constant",
]  # fmt: skip


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return pack_random(tmp_path_factory.mktemp("pack") / "pack", 24, 32, 10)


@pytest.fixture(autouse=True)
def few_at_once(device, monkeypatch):
    """In the interpreter a batch of 256 views, mostly padding here, would take as long as all the rest."""
    if device.type == "cpu":
        monkeypatch.setattr(look, "_DEVICE_BATCH", 4)


def recipe(*changes, step="graphed"):
    return load_recipe("cifar10-19pct", [*CHANGES, f"train.step={step}", *changes])


def losses(path):
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines]


@pytest.mark.parametrize("resident", ["rgb", pytest.param("no", marks=pytest.mark.slow)])
def test_a_run_is_the_plain_run(pack, device, tmp_path, resident):
    theirs = train.start(recipe(step="plain"), pack, tmp_path / "plain", device)
    ours = train.start(recipe(f"data.resident={resident}"), pack, tmp_path / "graphed", device)
    assert (ours.steps, ours.epochs) == (theirs.steps, theirs.epochs) == (6, 2)
    assert losses(ours.folder) == pytest.approx(losses(theirs.folder), rel=1e-4)
    for file in (MODEL, VELOCITY):
        plain, graphed = (
            read_tensors(r.folder / "checkpoints" / "step-000000006" / file) for r in (theirs, ours)
        )
        assert plain.keys() == graphed.keys()
        for name, value in plain.items():
            assert graphed[name].dtype == torch.float32
            atol = 1e-4 * float(value.abs().max())
            torch.testing.assert_close(graphed[name], value, rtol=0, atol=atol, msg=name)


def test_it_resumes_with_the_recipes_stepper(pack, device, tmp_path):
    whole = train.start(recipe(), pack, tmp_path / "run", device)
    (whole.folder / "checkpoints" / "step-000000006").rename(tmp_path / "last")
    again = train.resume(whole.folder, device, Pack.open)
    for file in (MODEL, VELOCITY):
        first = read_tensors(tmp_path / "last" / file)
        second = read_tensors(again.folder / "checkpoints" / "step-000000006" / file)
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_yuv_is_nearly_the_same_run(pack, device):
    parts = [
        assemble(recipe(f"data.resident={kind}", "train.precision=bfloat16"), pack, device)
        for kind in ("rgb", "yuv")
    ]
    found = []
    for part in parts:
        stepper, batch = part.learner.stepper(), next(part.feed.batches(0))
        assert isinstance(stepper, GraphedStepper)
        found.append(stepper.begin(stepper.bring(batch), 0).result().loss)
    assert found[0] == pytest.approx(found[1], rel=0.05) and found[0] != found[1]


def test_the_images_that_are_held_are_those_of_training(pack, device):
    parts = assemble(recipe("data.resident=rgb", "data.limit_train=9"), pack, device)
    batch = next(parts.feed.batches(0))
    stepper = parts.learner.stepper()
    held = stepper.source.resident
    assert len(held) == 9
    shown = held.pixels[batch.numbers.rows.to(device)].cpu().numpy()
    assert np.array_equal(shown, parts.feed.images.read(batch.samples))


def test_gradients_in_parts_stay_plain(pack, device):
    parts = assemble(recipe("train.micro_batch_size=4"), pack, device)
    assert isinstance(parts.learner.stepper(), PlainStepper) and not is_graphed(parts.recipe)


@pytest.mark.parametrize(
    "changes",
    [
        ["train.step=plain", "data.resident=rgb"],
        ["data.resident=rgb", "train.micro_batch_size=4"],
        ["data.resident=yuv", "view.rotation_degrees=5.0"],
        ["train.step=fast"],
        ["data.resident=gpu"],
    ],
)
def test_what_does_not_go_together_is_refused(changes):
    with pytest.raises(RecipeError, match=r"resident|graphed"):
        recipe(*changes)


def test_one_line_says_why_it_cannot_be(pack, monkeypatch, device):
    with pytest.raises(RecipeError, match=r"train\.step: graphed steps need a CUDA device, not mps; --set"):
        require_kernels(torch.device("mps"))
    monkeypatch.setattr("alexnet.gpu.available._has_triton", lambda: False)
    with pytest.raises(RecipeError, match=r"need Triton and a GPU of .*pip install triton"):
        require_kernels(torch.device("cuda"))
    if device.type == "cpu":
        with pytest.raises(RecipeError, match="need a CUDA device, not cpu"):
            assemble(recipe(), pack, device)


def test_pictures_that_do_not_fit_are_told_before_they_are_read(pack, monkeypatch, device):
    def nothing_free(needed, place, reserve, planes):
        raise UsageError(f"{needed} {reserve}")

    monkeypatch.setattr("alexnet.gpu.resident._check_memory", nothing_free)
    needed = 20 * 32 * 32 * 3, 1_500_000_000 + 80 * 8 * 32 * 32 * 3
    with pytest.raises(UsageError, match=f"{needed[0]} {needed[1]}"):
        assemble(recipe("data.resident=rgb"), pack, device)


def test_yuv_needs_even_sides(tmp_path, device):
    odd = pack_random(tmp_path / "pack", 24, 33, 10)
    with pytest.raises(DataError, match="even sides"):
        assemble(recipe("data.resident=yuv"), odd, device)


@pytest.mark.gpu
def test_it_learns_cifar10_as_the_plain_run_does(cuda, test_data, tmp_path):
    """Four epochs; the error of the held-out images."""
    pytest.importorskip("pyarrow")
    errors = {}
    for step in ("plain", "graphed"):
        changes = [f"train.step={step}", "train.epochs=4", "train.precision=bfloat16", "train.workers=4"]
        changes += ["data.resident=rgb"] * (step == "graphed")
        chosen = load_recipe("cifar10-19pct", changes)
        pack = open_data(test_data / "cifar10", chosen.data, SourceOptions(), workers=4)
        result = train.start(chosen, pack, tmp_path / step, cuda)
        errors[step] = [line["top1_error"] for line in result.validations]
        print(step, errors[step], f"{result.seconds:.1f} s")
    assert all(error < 0.6 for found in errors.values() for error in found)
    assert errors["graphed"] == pytest.approx(errors["plain"], abs=0.03)
