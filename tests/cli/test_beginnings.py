"""`alexnet train --init` and `--time`: another run's weights, and as many epochs as fit."""

import json
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from small_runs import SMALL, draw_pictures

from alexnet.core.errors import UsageError
from alexnet.runs.beginning import parse_time

HELD = ("--set", "data.holdout=8")


def recipe_of(run):
    return tomllib.loads((run / "recipe.toml").read_text())


def weights(run, last=True):
    steps = sorted((run / "checkpoints").glob("step-*"))
    return load_file(steps[-1 if last else 0] / "model.safetensors")


@pytest.fixture
def other(tmp_path):
    """Four other classes."""
    return draw_pictures(tmp_path / "other", tuple(f"other{k}" for k in range(4)))


def test_fine_tuning_takes_the_runs_recipe_with_less_of_everything_and_says_so(cli, trained, other, tmp_path):
    out, before = tmp_path / "tuned", recipe_of(trained)
    ending = cli("train", "--init", trained, "--data", other, "--output-dir", out)
    assert ending.code == 0, ending.err
    after = recipe_of(out)
    assert after["name"] == f"{before['name']}-tuned" and after["model"]["weights"] == str(trained)
    assert after["optim"]["lr"] == pytest.approx(before["optim"]["lr"] / 10)
    assert after["train"]["epochs"] == max(round(before["train"]["epochs"] / 4), 1)
    assert after["view"] == before["view"] and after["data"]["size"] == before["data"]["size"]
    assert after["schedule"]["kind"] == "cosine"
    assert f"starts from {trained}" in ending.err and f"rate {after['optim']['lr']:g} (that run's" in ending.err
    assert weights(out)["fc10.weight"].shape[0] == 4
    drift = np.abs(weights(out)["conv1.weight"].numpy() - weights(trained)["conv1.weight"].numpy()).max()
    assert 0 < drift < 0.01
    assert cli("predict", out, other / "other1" / "0.png").code == 0


def test_what_is_asked_for_wins_over_what_fine_tuning_chooses(cli, trained, other, tmp_path):
    out = tmp_path / "tuned"
    ending = cli("train", "--init", trained, "--data", other, "--output-dir", out, "--epochs", 2, "--seed", 5)
    assert ending.code == 0, ending.err
    assert recipe_of(out)["train"]["epochs"] == 2 and recipe_of(out)["seed"] == 5


def test_with_a_recipe_only_the_weights_are_taken(cli, trained, other, tmp_path):
    base = ("train", "cifar10-18pct", "--data", other, "--smoke", *SMALL, "--set", "optim.lr=0.0")
    out = tmp_path / "tuned"
    ending = cli(*base, "--set", "optim.bias_lr=0.0", "--init", trained, "--output-dir", out)
    assert ending.code == 0, ending.err
    assert (weights(out)["conv1.weight"] == weights(trained)["conv1.weight"]).all()


def test_epochs_fill_a_time(cli, pictures, tmp_path):
    base = ("train", "cifar10-18pct", "--data", pictures, *SMALL, "--set", "train.batch_size=8", *HELD)
    out = tmp_path / "run"
    ending = cli(*base, "--time", "6s", "--output-dir", out, "--json")
    assert ending.code == 0, ending.err
    after = recipe_of(out)
    assert f"6.0 s: {after['train']['epochs']} epochs of about" in ending.err
    assert after["train"]["epochs"] > 1 and after["schedule"]["kind"] == "cosine"
    assert json.loads(ending.out)["folder"] == str(out)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--time", "soon"), "'soon' is no time; write e.g. 90s, 10m"),
        (("--time", "10"), "'10' is no time"),
        (("--time", "0s"), "there is no time to train in"),
        (("--time", "1m", "--epochs", "3"), "--time and --epochs both say how long"),
        (("--time", "1ms"), "'1ms' is no time"),
        (("--time", "0.001s"), "one epoch takes about"),
        (("--init", "absent"), "absent"),
    ],
)
def test_mistakes_are_told_in_a_line(cli, pictures, tmp_path, arguments, says):
    out = tmp_path / "run"
    ending = cli("train", "cifar10-18pct", "--data", pictures, *SMALL, *HELD, *arguments, "--output-dir", out)
    assert ending.code == 2 and says in ending.err.splitlines()[-1], ending.err
    assert not (out / "recipe.toml").exists()


def test_a_run_without_a_recipe_cannot_be_fine_tuned_without_one(cli, trained, other, tmp_path):
    checkpoint = sorted((trained / "checkpoints").glob("step-*"))[-1]
    ending = cli("train", "--init", checkpoint, "--data", other)
    assert ending.code == 2 and "keeps no recipe to go on with" in ending.err
    ending = cli("train", "--data", other)
    assert ending.code == 2 and "RECIPE is missing" in ending.err
    ending = cli("train", "--resume", trained, "--init", trained)
    assert ending.code == 2 and "leave out --init" in ending.err


def test_times_are_read():
    assert [parse_time(t) for t in ("90s", "10m", "10 min", "1.5h", "1h30m", "2d")] == [
        90,
        600,
        600,
        5400,
        5400,
        172800,
    ]


@given(st.text(max_size=12))
def test_whatever_is_written_is_a_time_or_told(text):
    try:
        assert parse_time(text) > 0
    except UsageError as error:
        assert "--time" in str(error)
