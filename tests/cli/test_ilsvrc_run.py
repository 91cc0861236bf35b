"""The recipe that would run ILSVRC-2012, started on 100 photographs in the challenge's own files."""

import json

import pytest

from ilsvrc_files import photographs_of, write_ilsvrc2012

pytest.importorskip("scipy.io", reason="the ilsvrc extra is not installed")


def test_the_ilsvrc2012_recipe_runs_on_the_challenges_own_files(cli, test_data, tmp_path):
    root = tmp_path / "ilsvrc"
    root.mkdir()
    write_ilsvrc2012(root, photographs_of(test_data / "imagenet-photos"))
    out = tmp_path / "run"
    settings = (
        "--set",
        "model.num_classes=100",
        "--epochs",
        1,
        "--batch-size",
        50,
        "--set",
        "train.log_every=1",
    )
    ending = cli("train", "alexnet-ilsvrc2012", "--data", root, "--output-dir", out, *settings)
    assert ending.code == 0, ending.err
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "train"] == [1, 2, 3, 4]
    assert next(line for line in lines if line["kind"] == "validation")["count"] == 100
    evaluated = json.loads(cli("evaluate", out, "--json").out)
    assert evaluated["num_images"] == 100
    assert evaluated["num_views"] == 10
    guess = json.loads(
        cli("predict", out, test_data / "imagenet-photos" / "n01440764_tench.JPEG", "--json").out
    )
    assert len(guess["class_names"]) == 5
    listed = json.loads(next((tmp_path / "cache" / "packs").glob("*/pack.json")).read_text())
    assert "tench" in json.dumps(listed)


def test_a_thousand_class_recipe_refuses_a_hundred_classes(cli, test_data, tmp_path):
    root = tmp_path / "ilsvrc"
    root.mkdir()
    write_ilsvrc2012(root, photographs_of(test_data / "imagenet-photos"))
    ending = cli("train", "alexnet-ilsvrc2012", "--data", root, "--output-dir", tmp_path / "run")
    assert ending.code == 2
    assert "1000 classes" in ending.err
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache" / "packs").exists()
