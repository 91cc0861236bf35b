"""The benchmarks that are scripts of their own run from beginning to end, on next to nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
TINY = ["--jobs", "cifar10_18pct/32", "--rounds", "1", "--pictures", "64", "--seconds-per-round", "0.01"]


def run(*arguments):
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_links(tmp_path):
    run(FOLDER / "links.py", "--small", "--save", tmp_path / "links.json")
    seconds = json.loads((tmp_path / "links.json").read_text())["seconds"]
    assert {"sum/2/4096", "sum/4/4096", "steps/cifar10_19pct/1/128", "shared/cifar10_19pct/4/128"} <= set(
        seconds
    )


def test_scaling(tmp_path):
    run(FOLDER / "scaling.py", *TINY, "--layouts", "1x1,2x1t,2x1h", "--save", tmp_path / "scaling.json")
    (found,) = json.loads((tmp_path / "scaling.json").read_text())["results"]
    alone, towers, hybrid = found["layouts"]
    assert alone["bytes_per_step"] == 0 < min(towers["bytes_per_step"], hybrid["bytes_per_step"])
    assert towers["checkpoint_bytes"] == pytest.approx(alone["checkpoint_bytes"], rel=0.01)
    assert len(towers["peak_memory_bytes"]) == 2
