"""Runs whose processes hold parts of the network write the whole one, and go on in other numbers of processes."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file
from small_run import STEPS, make_pack, new_run, run_chain, samples_by_step

from alexnet.runs.predictor import load

CHANGES = {
    "elastic": False,
    "train_precision": "float32",
    "checkpoint_keep": 100,
    "data_holdout": 80,
}
"""Of 50 pictures a class; the 80 are two passes, which teams share."""
FAULTS = [
    {"attempt": 0, "rank": 1, "where": "step", "after": 11, "does": "SIGKILL"},
    {"attempt": 1, "rank": 0, "where": "step", "after": 7, "does": "SIGKILL"},
    {"attempt": 2, "rank": 3, "where": "step", "after": 9, "does": "SIGTERM"},
]
SIZES = (2, 1, 4, 2)
STOPPED = 75

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="NO FORK: kills are tested where os.fork exists"
)


def tensors(run, step):
    folder = run / "checkpoints" / f"step-{step:09d}"
    return load_file(folder / "model.safetensors"), load_file(folder / "velocity.safetensors")


def validations(run):
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == "validation"]


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return make_pack(tmp_path_factory.mktemp("pictures"), count=50)


@pytest.fixture(scope="module")
def alone(pack, tmp_path_factory):
    """The run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    codes, log = run_chain(folder, [{"size": 1, "arguments": new_run(pack, folder / "run", **CHANGES)}], [])
    assert codes == [[0]], log
    return folder / "run"


@pytest.mark.parametrize("parallel", ["towers", "hybrid"])
def test_two_processes_one_four_and_two_make_one_run(pack, alone, tmp_path, parallel):
    parts = tmp_path / "run"
    starts = [
        new_run(pack, parts, **CHANGES, train_parallel=parallel),
        *[["train", "--resume", str(parts)]] * 3,
    ]
    groups = [{"size": size, "arguments": start} for size, start in zip(SIZES, starts, strict=True)]
    codes, log = run_chain(tmp_path, groups, FAULTS)
    assert codes == [[1, -9], [-9], [STOPPED] * 4, [0, 0]], log
    assert "Traceback" not in log and "between processes: " in log

    begin, start = tensors(parts, 0)[0], tensors(alone, 0)[0]
    assert all(torch.equal(begin[name], start[name]) for name in start)
    (ours, ours_moving), (theirs, moving) = tensors(parts, STEPS), tensors(alone, STEPS)
    assert (ours.keys(), ours_moving.keys()) == (theirs.keys(), moving.keys())
    for name in theirs:
        changed = (theirs[name] - start[name]).abs().max()
        assert (ours[name] - theirs[name]).abs().max() < 0.01 * changed, name
        assert (ours_moving[name] - moving[name]).abs().max() < 0.01 * moving[name].abs().max(), name
    for ours, theirs in zip(validations(parts), validations(alone), strict=True):
        assert ours == theirs | {"loss": pytest.approx(theirs["loss"], rel=1e-3)}
    found, expected = (samples_by_step(run.parent / "records") for run in (parts, alone))
    assert {step: set(samples) for step, samples in found.items()} == {s: set(t) for s, t in expected.items()}
    assert load(parts, "last").classifier.classes == load(alone, "last").classifier.classes
    assert json.loads((parts / "run.json").read_text())["crossing"]["bytes_per_step"] > 0
