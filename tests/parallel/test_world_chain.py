"""A run goes through several numbers of processes, with a kill between each, and ends as if one had done it alone."""

import os

import pytest
from small_run import EPOCHS, IMAGES, STEPS, last_digests, make_pack, new_run, run_chain, samples_by_step

SIZES = (1, 2, 4, 3, 1)
FAULTS = [
    {"attempt": 0, "rank": 0, "where": "step", "after": 7, "does": "SIGKILL"},
    {"attempt": 1, "rank": 1, "where": "step", "after": 11, "does": "SIGKILL"},
    {"attempt": 2, "rank": 0, "where": "save", "after": 19, "does": "SIGKILL"},
    {"attempt": 3, "rank": 0, "where": "step", "after": 6, "does": "SIGKILL"},
]

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="NO FORK: kills are tested where os.fork exists"
)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return make_pack(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def uninterrupted(pack, tmp_path_factory):
    """The digests of one process that nobody disturbed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    codes, log = run_chain(folder, [{"size": 1, "arguments": new_run(pack, folder / "run")}], [])
    assert codes == [[0]], log
    return last_digests(folder / "run")


def disturbed(pack, folder, *, elastic):
    """Run the chain to its end and return its digests."""
    resume = ["train", "--resume", str(folder / "run")]
    starts = [new_run(pack, folder / "run", elastic=elastic), *[resume] * (len(SIZES) - 1)]
    groups = [{"size": size, "arguments": start} for size, start in zip(SIZES, starts, strict=True)]
    codes, log = run_chain(folder, groups, FAULTS)
    assert codes == [[-9], [1, -9], [-9, 1, 1, 1], [-9, 1, 1], [0]], log
    assert "Traceback" not in log
    found = samples_by_step(folder / "records")
    assert list(found) == list(range(STEPS))
    per_epoch = STEPS // EPOCHS
    for epoch in range(EPOCHS):
        taken = [s for step in range(epoch * per_epoch, (epoch + 1) * per_epoch) for s in found[step]]
        assert len(taken) == len(set(taken)) == IMAGES
    return last_digests(folder / "run")


def test_one_two_four_three_one_with_kills_ends_with_the_bytes_of_one(pack, tmp_path, uninterrupted):
    assert disturbed(pack, tmp_path, elastic=True) == uninterrupted


def test_plain_sums_are_caught(pack, tmp_path, uninterrupted):
    """The control: every sample once, and with the library's sums other bits."""
    found = disturbed(pack, tmp_path, elastic=False)
    assert found["step"] == uninterrupted["step"]
    assert found["model.safetensors"] != uninterrupted["model.safetensors"]
