"""Baselines from the command line: trained, stopped, gone on with, evaluated, asked."""

import json
import os
import subprocess
import sys
import time

import pytest
from small_runs import draw_pictures

from alexnet.runs.baseline_recipe import baseline_names, load_baseline

pytest.importorskip("cv2", reason="NO OPENCV: the baselines extra is not installed")
pytest.importorskip("sklearn", reason="NO SCIKIT-LEARN: the baselines extra is not installed")
QUICK = (
    "--set", "data.holdout=20", "--set", "images=60", "--set",
    'features=[{kind="local",pca=8,samples=2000,pyramid=["1x1"],dense={side=32,step=8,squares=[16]},'
    'encoder={kind="fisher",components=4}}]',
)  # fmt: skip


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Four classes of 40 pictures."""
    folder = tmp_path_factory.mktemp("baseline-pictures")
    pictures = draw_pictures(folder / "pictures", ("a", "b", "c", "d"), count=40)
    command = [sys.executable, "-m", "alexnet", "pack", str(pictures), str(folder / "pack"), "--size", "32"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "pack"


def train(cli, pack, out, *more):
    return cli(
        "train", "fisher-vectors", "--data", pack, "--set", "data.size=32", "--output-dir", out, *QUICK, *more
    )


def test_it_is_trained_evaluated_and_asked_as_a_network_is(cli, pack, tmp_path):
    ending = train(cli, pack, tmp_path / "run", "--json")
    assert ending.code == 0, ending.err
    told = json.loads(ending.out)
    assert told["validations"][0]["split"] == "holdout" and not (tmp_path / "run" / "stages").exists()
    measured = json.loads(cli("evaluate", tmp_path / "run", "--json").out)
    assert measured["num_images"] == 16 and 0 <= measured["top1_error"] <= 1
    picture = next(iter((pack.parent / "pictures" / "b").iterdir()))
    guess = json.loads(cli("predict", tmp_path / "run", picture, "--json").out)
    assert sum(guess["probabilities"]) == pytest.approx(1, abs=1e-4) and len(guess["classes"]) == 4
    ending = cli("evaluate", tmp_path / "run", "--views", 10)
    assert ending.code == 2 and "looks at a picture once" in ending.err


def test_it_averages_with_a_network(cli, pack, tmp_path):
    assert train(cli, pack, tmp_path / "baseline").code == 0
    small = ("--set", "data.size=32", "--set", "data.holdout=16")
    ending = cli("train", "alexnet-small", "--data", pack, "--output-dir", tmp_path / "net", "--smoke", *small)
    assert ending.code == 0, ending.err
    both = cli("evaluate", tmp_path / "baseline", tmp_path / "net", "--json")
    assert both.code == 0, both.err
    assert json.loads(both.out)["num_images"] == 16


def test_the_same_seed_gives_the_same_bytes_and_another_others(cli, pack, tmp_path):
    for name, more in (("a", ()), ("b", ()), ("c", ("--seed", 1))):
        assert train(cli, pack, tmp_path / name, *more).code == 0
    a, b, c = (
        (tmp_path / n / "checkpoints" / "step-000000001" / "model.safetensors").read_bytes() for n in "abc"
    )
    assert a == b != c


def test_a_killed_fit_goes_on_with_its_stage(cli, pack, tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "alexnet", "train", "fisher-vectors", "--data", str(pack)]
    command += ["--set", "data.size=32", "--output-dir", str(run), *QUICK]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ)
    deadline = time.monotonic() + 120
    while not (run / "stages" / "0-features.safetensors").is_file() and time.monotonic() < deadline:
        assert running.poll() is None or (run / "checkpoints").is_dir()
        time.sleep(0.01)
    running.kill()
    running.wait()
    made = (run / "stages" / "0-features.safetensors").stat().st_mtime_ns if (run / "stages").is_dir() else None
    ending = cli("train", "--resume", run)
    assert ending.code == 0, ending.err
    assert made is None or "descriptors;" not in ending.err
    whole = tmp_path / "whole"
    assert train(cli, pack, whole).code == 0
    model = "checkpoints/step-000000001/model.safetensors"
    assert (run / model).read_bytes() == (whole / model).read_bytes()


@pytest.mark.parametrize("name", baseline_names())
def test_every_recipe_is_listed_shown_and_says_what_is_known(cli, name):
    recipe = load_baseline(name)
    assert recipe.summary and recipe.data.holdout
    assert name in cli("show").out
    shown = cli("show", name).out
    assert f"alexnet train {name} --data" in shown and ("Measured" in shown or "Not run here" in shown)
    assert json.loads(cli("show", name, "--json").out)["recipe"]["kind"] == "baseline"


def test_smoke_and_dry_run(cli, pack, tmp_path):
    ending = cli("train", "sparse-coding", "--data", pack, "--set", "data.size=32", "--dry-run")
    assert ending.code == 0 and "of disk for codes" in ending.out and not (tmp_path / "runs").exists()
    out = tmp_path / "run"
    ending = cli(
        "train", "sparse-coding", "--data", pack, "--set", "data.size=32", "--smoke", "--output-dir", out
    )
    assert ending.code == 0, ending.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--epochs", "3"), "is not trained in steps; leave out --epochs"),
        (("--set", "svm.cost=3"), "did you mean 'svm.costs'"),
        (("--set", "svm.costs=[]"), "costs must be positive"),
        (("--set", 'data.select_on="none"'), "chooses by held-out images"),
        (("--set", "features=[]"), "at least one channel"),
    ],
)
def test_mistakes_are_one_line(cli, pack, tmp_path, more, said):
    ending = cli("train", "fisher-vectors", "--data", pack, "--output-dir", tmp_path / "run", *more)
    assert ending.code == 2 and ending.err.count("\n") == 1 and said in ending.err, ending.err
    assert not (tmp_path / "run").exists()
