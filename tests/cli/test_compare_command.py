"""`alexnet compare`: what differs between runs, and by how much their errors do."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_runs import SMALL

from alexnet.metrics.paired import difference_interval, paired_interval


@pytest.fixture
def second(cli, pictures, tmp_path):
    """Another run of the same data, with a lower rate and another seed."""
    out = tmp_path / "second"
    settings = ("--set", "optim.lr=0.0005", "--seed", "3")
    base = ("train", "cifar10-18pct", "--data", pictures, "--output-dir", out, "--smoke", *SMALL)
    assert cli(*base, *settings).code == 0
    return out


def test_recipes_and_errors_are_set_side_by_side(cli, trained, second, tmp_path):
    ending = cli("compare", trained, second, "--picture", tmp_path / "both.png", "--json")
    assert ending.code == 0, ending.err
    told = json.loads(ending.out)
    assert set(told["recipe_differences"]) == {"optim.lr", "seed"}
    assert told["recipe_differences"]["seed"] == [0, 3]
    for found in told["error_differences"]:
        first, other = (run["last"][found["split"]]["top1_error"] for run in told["runs"])
        assert found["difference"] == pytest.approx(other - first) and not found["paired"]
        assert found["low"] <= found["difference"] <= found["high"]
    with Image.open(tmp_path / "both.png") as picture:
        picture.load()
    text = cli("compare", trained, second).out
    assert "optim.lr" in text and "0.0005" in text and "points (95 %: " in text


def test_a_run_beside_itself_differs_in_nothing(cli, trained):
    ending = cli("compare", trained, trained, "--paired")
    assert ending.code == 0, ending.err
    assert "the recipes are the same" in ending.out and "+0.00 points" in ending.out
    assert "no clear difference" in ending.out and "image by image" in ending.out


def test_mistakes_are_told_in_a_line(cli, trained, tmp_path):
    for arguments, says in (
        ((trained,), "at least two runs are compared"),
        ((trained, tmp_path), "holds no run"),
    ):
        ending = cli("compare", *arguments)
        assert ending.code == 2 and says in ending.err and ending.err.count("\n") == 1


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(1, 50))
def test_intervals_hold_the_difference_and_turn_around_with_it(first, second, more, others):
    errors, counts = (first, second), (first + more, second + others)
    low, high = difference_interval(errors, counts)
    difference = first / counts[0] - second / counts[1]
    assert -1 <= low <= difference + 1e-12 and difference - 1e-12 <= high <= 1
    assert difference_interval(errors[::-1], counts[::-1]) == pytest.approx((-high, -low))


def test_newcombes_published_example():
    """56 of 70 against 48 of 80 (Newcombe 1998, table II, method 10)."""
    low, high = difference_interval((56, 48), (70, 80))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_paired_intervals_are_narrower_where_runs_agree(seed):
    random = np.random.default_rng(seed)
    first = random.random(400) < 0.3
    second = first ^ (random.random(400) < 0.02)
    low, high = paired_interval(first, second)
    assert low <= first.mean() - second.mean() + 0.01 and first.mean() - second.mean() - 0.01 <= high
    loose = difference_interval((int(first.sum()), int(second.sum())), (400, 400))
    assert high - low < loose[1] - loose[0]
    assert paired_interval(second, first) == pytest.approx((-high, -low))
