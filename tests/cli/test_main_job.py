"""The main job through the command line: pack, train, evaluate, predict, show."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import SMALL


def test_a_run_leaves_all_that_is_promised(trained: Path) -> None:
    names = {p.name for p in trained.iterdir()}
    written = {"recipe.toml", "run.json", "metrics.jsonl", "digests.jsonl"}
    assert written | {"learning-curves.png", "conv1-kernels.png"} <= names
    record = json.loads((trained / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["estimate"]["steps"] == record["steps"]
    checkpoint = sorted((trained / "checkpoints").iterdir())[-1]
    assert {"model.safetensors", "velocity.safetensors", "state.json", "config.json", "MANIFEST.json"} == {
        p.name for p in checkpoint.iterdir()
    }
    steps = [json.loads(line)["step"] for line in (trained / "digests.jsonl").read_text().splitlines()]
    assert steps[0] == 0 and steps[-1] == record["steps"] and sorted(set(steps)) == steps


def test_evaluate_prints_one_object(cli, trained: Path) -> None:
    ending = cli("evaluate", trained, "--json")
    assert ending.code == 0, ending.err
    found = json.loads(ending.out)
    keys = {"top1_error", "top5_error", "top1_error_ci95", "num_images", "num_views", "split", "checkpoint"}
    assert keys <= found.keys()
    assert found["split"] == "val"
    assert found["num_views"] == 1
    low, high = found["top1_error_ci95"]
    assert 0 <= low <= found["top1_error"] <= high <= 1


def test_several_runs_are_an_ensemble(cli, trained: Path) -> None:
    alone = json.loads(cli("evaluate", trained, "--json").out)
    twice = json.loads(cli("evaluate", trained, trained, "--json").out)
    assert twice["top1_error"] == alone["top1_error"]
    assert len(twice["checkpoint"]) == 2


def test_predict_as_table_json_and_csv(cli, trained: Path, pictures: Path) -> None:
    folder = pictures / "class3"
    table = cli("predict", trained, folder / "0.png", "--k", 3)
    assert table.code == 0, table.err
    assert len(table.out.splitlines()) == 4
    objects = [json.loads(line) for line in cli("predict", trained, folder, "--json").out.splitlines()]
    assert [Path(o["path"]).name for o in objects] == sorted(p.name for p in folder.iterdir())
    assert all(
        len(o["probabilities"]) == 5 and o["probabilities"] == sorted(o["probabilities"])[::-1] for o in objects
    )
    rows = list(csv.DictReader(io.StringIO(cli("predict", trained, folder / "0.png", "--csv").out)))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[0]["class"] == objects[0]["classes"][0]


def test_predict_reads_standard_input(trained: Path, pictures: Path) -> None:
    data = (pictures / "class0" / "0.png").read_bytes()
    command = [sys.executable, "-m", "alexnet", "predict", str(trained), "-", "--json"]
    done = subprocess.run(command, input=data, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["path"] == "-"


def test_an_unreadable_picture_is_named_and_the_others_are_predicted(
    cli, trained: Path, pictures: Path
) -> None:
    bad = pictures / "class0" / "bad.jpg"
    bad.write_bytes(b"no picture")
    ending = cli("predict", trained, bad, pictures / "class1" / "0.png", "--json")
    assert ending.code == 3
    assert "bad.jpg" in ending.err
    assert len(ending.out.splitlines()) == 1


def test_predictions_are_those_of_training(cli, trained: Path, pictures: Path) -> None:
    """A packed picture and its file give the same probabilities."""
    import numpy as np

    import alexnet
    from alexnet.data.pack.read import Pack

    predictor = alexnet.load(trained)
    pack = Pack.open(Path(json.loads((trained / "run.json").read_text())["data"]))
    val = pack.split("val")
    packed = predictor.classifier.probabilities(val.read(np.arange(len(val))))
    files = [pictures / val.name(i) for i in range(len(val))]
    for row, guess in zip(packed, predictor.predict(files, k=10), strict=True):
        assert sorted(row.tolist(), reverse=True) == pytest.approx(list(guess.probabilities), abs=1e-6)


def test_resuming_a_finished_run_changes_nothing(cli, trained: Path) -> None:
    weights = sorted((trained / "checkpoints").glob("step-*/model.safetensors"))[-1].read_bytes()
    ending = cli("train", "--resume", trained)
    assert ending.code == 0, ending.err
    assert sorted((trained / "checkpoints").glob("step-*/model.safetensors"))[-1].read_bytes() == weights


def test_training_twice_gives_the_same_bytes(cli, pictures: Path, tmp_path: Path) -> None:
    weights = []
    for name in ("one", "two"):
        out = tmp_path / name
        command = ("train", "cifar10-18pct", "--data", pictures, "--output-dir", out, "--smoke", *SMALL)
        assert cli(*command, "--set", f"train.workers={len(weights) + 1}").code == 0
        weights.append(sorted(out.glob("checkpoints/step-*/model.safetensors"))[-1].read_bytes())
    assert weights[0] == weights[1]


def test_dry_run_prints_recipe_and_cost_and_leaves_nothing(cli, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "never"
    command = ("train", "cifar10-18pct", "--data", pictures, "--output-dir", out, *SMALL)
    ending = cli(*command, "--dry-run", "--json", "--set", "data.holdout=10")
    assert ending.code == 0, ending.err
    found = json.loads(ending.out)
    assert found["recipe"]["name"] == "cifar10-18pct"
    assert found["estimate"]["steps"] > 0
    assert not out.exists()


def test_show_knows_packs_recipes_and_networks(cli, trained: Path, tmp_path: Path) -> None:
    assert "60,965,224" in cli("show", "alexnet").out
    assert "cifar10-18pct" in cli("show").out
    pack = json.loads((trained / "run.json").read_text())["data"]
    ending = cli("show", pack, "--output", tmp_path / "sheet.png", "--json")
    assert ending.code == 0, ending.err
    assert json.loads(ending.out)["classes"] == 10
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    views = cli("show", pack, "--views", "--recipe", "cifar10-18pct", "--output", tmp_path / "views.png")
    assert views.code == 0, views.err
    assert (tmp_path / "views.png").is_file()


def test_every_recipe_and_network_can_be_shown(cli) -> None:
    listed = json.loads(cli("show", "--json").out)
    for name in (*listed["recipes"], *listed["networks"]):
        assert cli("show", name).code == 0


def test_fit_and_load_from_python(pictures: Path, tmp_path: Path) -> None:
    import alexnet

    changes = ["data.size=36", "data.holdout=10", "train.epochs=1", "train.threads=1"]
    recipe = alexnet.load_recipe("cifar10-18pct", changes)
    run = alexnet.fit(recipe, data=pictures, output_dir=tmp_path / "run", device="cpu")
    assert run.epochs == 1
    (guess,) = alexnet.load(run.folder).predict(pictures / "class0" / "0.png", k=3)
    assert len(guess.class_names) == 3


def test_a_run_finds_its_pack_from_any_folder(cli, pictures: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("pack", "pictures", "pack", "--size", "36", "--workers", "1").code == 0
    assert cli("train", "cifar10-18pct", "--data", "pack", "--output-dir", "run", "--smoke", *SMALL).code == 0
    monkeypatch.chdir(pictures)
    for command in (("evaluate", tmp_path / "run"), ("train", "--resume", tmp_path / "run")):
        ending = cli(*command)
        assert ending.code == 0, ending.err
