"""What a run says it will take: from its own steps, once, and in its record."""

import json

import pytest
import torch

import alexnet.training.stepper as stepper
from alexnet.bench.random_source import pack_random
from alexnet.core.errors import StorageError
from alexnet.data.pack.read import Pack
from alexnet.runs import train as runs
from alexnet.runs.assemble import assemble
from alexnet.runs.estimate import estimate, known_before
from alexnet.runs.folder import RunFolder
from alexnet.runs.recipe import load_recipe
from alexnet.training.probe import StepCost

CPU = torch.device("cpu")
STEPS, EPOCHS = 3, 2


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Sixteen random pictures of ten classes."""
    with pack_random(tmp_path_factory.mktemp("random") / "pack", 16, 32, 10) as opened:
        yield opened


@pytest.fixture
def recipe():
    """STEPS steps an epoch; four images are held out."""
    changes = {
        "train": {"batch_size": 4, "epochs": EPOCHS, "log_every": 1},
        "data": {"select_on": "none", "holdout": 4},
        "checkpoint": {"every_steps": 1, "keep": 3},
    }
    return load_recipe("cifar10-19pct", changes)


@pytest.fixture
def taken(monkeypatch):
    """The numbers of the steps that this process takes; `taken.end` is the one that ends it."""

    class Taken(list):
        end = None

    steps, original = Taken(), stepper.train_step

    def counted(*arguments, step, **options):
        if step == steps.end:
            raise KeyboardInterrupt
        steps.append(step)
        return original(*arguments, step=step, **options)

    monkeypatch.setattr(stepper, "train_step", counted)
    return steps


def record(folder):
    return json.loads((folder / "run.json").read_text())


def said(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if "measured on its first steps" in line]


def test_an_estimate_counts_steps_and_looks_at_held_out_images(pack, recipe):
    parts = assemble(recipe, pack, CPU)
    found = estimate(parts, StepCost(seconds=0.6, steps_measured=8, peak_memory_bytes=10**9))
    assert found.steps == STEPS * EPOCHS
    assert found.images_per_second == pytest.approx(4 / 0.6)
    # A third of a training step's time for each of two looks at four images.
    assert found.seconds == pytest.approx(6 * 0.6 + 2 * 0.6 / 3)
    weights = sum(p.numel() for p in parts.learner.net.parameters())
    assert found.disk_bytes == 5 * 2 * 4 * weights
    assert str(found).startswith("6 steps in about 4.0 s (7 images/s), 1.0 GB of memory, ")
    assert known_before(parts) == f"6 steps, {str(found).rpartition(', ')[2]}"


def test_a_run_begins_with_its_own_first_step(pack, recipe, taken, tmp_path, capsys):
    result = runs.start(recipe, pack, tmp_path / "run", CPU)
    assert taken == list(range(result.steps)) == list(range(STEPS * EPOCHS))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("cifar10-19pct: 6 steps, ")
    (line,) = (line for line in lines if "measured on its first steps" in line)
    assert line.startswith("cifar10-19pct: 6 steps in about ")
    assert record(tmp_path / "run")["estimate"]["steps"] == result.steps


def test_a_run_that_ended_before_its_estimate_makes_it_when_resumed(pack, recipe, taken, tmp_path, capsys):
    taken.end = 1
    with pytest.raises(KeyboardInterrupt):
        runs.start(recipe, pack, tmp_path / "run", CPU)
    assert "estimate" not in record(tmp_path / "run") and not said(capsys)
    taken.end = 4
    with pytest.raises(KeyboardInterrupt):
        runs.resume(tmp_path / "run", CPU, Pack.open)
    first = record(tmp_path / "run")["estimate"]
    assert first["steps"] == STEPS * EPOCHS and len(said(capsys)) == 1
    taken.end = None
    runs.resume(tmp_path / "run", CPU, Pack.open)
    assert taken == list(range(STEPS * EPOCHS))
    assert record(tmp_path / "run")["estimate"] == first and not said(capsys)


def test_an_estimate_that_cannot_be_recorded_ends_no_run(pack, recipe, tmp_path, capsys, monkeypatch):
    update = RunFolder.update_record

    def full(self, **fields):
        if "estimate" in fields:
            raise StorageError("the disk is full", where=self.record)
        update(self, **fields)

    monkeypatch.setattr(RunFolder, "update_record", full)
    assert runs.start(recipe, pack, tmp_path / "run", CPU).steps == STEPS * EPOCHS
    assert "the estimate was not recorded: " in capsys.readouterr().err
    assert record(tmp_path / "run")["status"] == "finished"
