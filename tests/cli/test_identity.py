"""What decides a run's bits besides recipe and data is recorded, and a resume under another is told."""

import json

import pytest
import torch
from small_runs import SMALL

from alexnet.runs.environment import IDENTITY, describe, differences

NOW = describe(torch.device("cpu"))


@pytest.fixture
def threads():
    """Whatever a command sets is taken back."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def record_of(run):
    return json.loads((run / "run.json").read_text())


@pytest.mark.parametrize("key", IDENTITY)
def test_each_part_of_the_identity_is_compared(key):
    assert differences(NOW, NOW) == []
    assert differences(NOW | {key: "other"}, NOW) == [f"{key} other -> {NOW[key]}"]


def test_versions_that_change_no_bits_are_not():
    assert differences(NOW | {"python": "2.7", "system": "other", "commit": None}, NOW) == []


def test_a_resume_elsewhere_says_that_bits_may_differ(cli, pictures, tmp_path):
    run = tmp_path / "run"
    start = ["train", "cifar10-19pct", "--data", pictures, *SMALL, "--smoke", "--output-dir", run]
    assert cli(*start, "--set", "checkpoint.every_steps=10").code == 0
    record = record_of(run)
    record["environment"]["torch"], record["status"] = "1.0", "stopped"
    (run / "run.json").write_text(json.dumps(record))
    sorted((run / "checkpoints").glob("step-*"))[-1].rename(tmp_path / "last")
    ending = cli("train", "--resume", run)
    assert ending.code == 0
    assert (
        f"bits may differ from an uninterrupted run: torch 1.0 -> {torch.__version__}"
        in ending.err + ending.out
    )


@pytest.mark.usefixtures("threads")
def test_elastic_runs_have_one_thread_unless_told_otherwise(cli, pictures, tmp_path):
    small = [text for text in SMALL if "threads" not in text][:-1]
    start = ["train", "cifar10-19pct", "--data", pictures, *small, "--smoke"]
    assert cli(*start, "--set", "train.elastic_parts=2", "--output-dir", tmp_path / "one").code == 0
    assert record_of(tmp_path / "one")["environment"]["threads"] == 1
    assert (
        cli(
            *start,
            "--set",
            "train.elastic_parts=2",
            "--set",
            "train.threads=2",
            "--output-dir",
            tmp_path / "two",
        ).code
        == 0
    )
    assert record_of(tmp_path / "two")["environment"]["threads"] == 2
