"""A run that is killed again and again ends with the bytes of one that never was."""

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("kill_harness.py")
EVERY_STEPS, IMAGES, BATCH = 8, 1600, 20
EPOCHS, LONG_EPOCHS = 2, 6
"""Long enough for 20 and for 40 kills: a run gets some eight steps further between two."""
CHANGES = {
    "data.size": 36,
    "data.limit_train": IMAGES,
    "data.limit_val": 40,
    "data.holdout": 40,
    "view.random_crop": "true",
    "view.mirror": "true",
    "view.color_noise": "code2012",
    "model.edits": '[{kind="insert", after="pool3", row={kind="dropout", name="drop3", rate=0.5}}]',
    "train.threads": 1,
    "train.log_every": 5,
    "checkpoint.every_steps": EVERY_STEPS,
}

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="NO FORK: kills are tested where os.fork exists"
)


@pytest.fixture(scope="module")
def pack(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CIFAR-10's test shard as a source, packed at 36 pixels so that 32-pixel crops move."""
    folder = tmp_path_factory.mktemp("cifar")
    shard = next((test_data / "cifar10").glob("test-*.parquet"))
    (folder / "train-00000-of-00001.parquet").symlink_to(shard)
    out = folder / "pack"
    command = [sys.executable, "-m", "alexnet", "pack", str(folder), str(out), "--size", "36"]
    subprocess.run(command, check=True, capture_output=True)
    return out


def new_run(pack: Path, out: Path, epochs: int = EPOCHS) -> list[str]:
    """Return the arguments of a new run of the CIFAR-10 18 % net, with crops, color noise and dropout."""
    settings = [part for key, value in CHANGES.items() for part in ("--set", f"{key}={value}")]
    return [
        "train", "cifar10-18pct", "--data", str(pack), "--output-dir", str(out),
        "--epochs", str(epochs), "--batch-size", str(BATCH), "--seed", "3", *settings,
    ]  # fmt: skip


def run_plan(plan: list[dict], folder: Path) -> list[dict]:
    """Run children by the harness and return how each ended."""
    for child in plan:
        child["log"] = str(folder / "log.txt")
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    done = subprocess.run(
        [sys.executable, str(HARNESS), str(path)], capture_output=True, text=True, timeout=540
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def final_digests(run: Path) -> dict[str, str]:
    """Return the digests of the last checkpoint's tensors, which step it is of, and those of all planned ones."""
    last = sorted((run / "checkpoints").glob("step-*"))[-1]
    names = ("model.safetensors", "velocity.safetensors")
    found = {n: hashlib.sha256((last / n).read_bytes()).hexdigest() for n in names}
    return found | {"step": last.name, "logged": (run / "digests.jsonl").read_text()}


def kills(count: int, seed: int) -> list[dict]:
    """Return places to be killed at: three quarters inside steps, at any distance from a save, the rest in saves.

    A save flushes eight times and a process saves each EVERY_STEPS, so flush numbers up to 20 reach into the third.
    """
    draw = random.Random(seed)
    places = []
    for number in range(count):
        if number % 4 == 3:
            places.append({"where": "save", "after": draw.randrange(1, 20)})
        else:
            places.append({"where": "step", "after": draw.randrange(EVERY_STEPS // 2, 2 * EVERY_STEPS)})
    return places


def chain(run: Path, pack: Path, places: list[dict], epochs: int = EPOCHS) -> list[dict]:
    """Return the plan of a run that is started, killed at each place, and finished."""
    resume = ["train", "--resume", str(run)]
    arguments = [new_run(pack, run, epochs), *[resume] * len(places)]
    return [{"arguments": a, **place} for a, place in zip(arguments, [*places, {}], strict=True)]


@pytest.fixture(scope="module")
def uninterrupted(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of a run that nobody disturbed."""
    return undisturbed(pack, tmp_path_factory.mktemp("uninterrupted"), EPOCHS)


@pytest.fixture(scope="module")
def uninterrupted_long(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The same of the long run."""
    return undisturbed(pack, tmp_path_factory.mktemp("uninterrupted-long"), LONG_EPOCHS)


def undisturbed(pack: Path, folder: Path, epochs: int) -> dict[str, str]:
    """Run to the end and return the digests."""
    (ending,) = run_plan([{"arguments": new_run(pack, folder / "run", epochs)}], folder)
    assert ending == {"killed": False, "code": 0}, (folder / "log.txt").read_text()
    return final_digests(folder / "run")


def check_chain(places: list[dict], epochs: int, pack: Path, folder: Path, expected: dict[str, str]) -> None:
    """Kill a run at each place and compare its end."""
    run = folder / "run"
    endings = run_plan(chain(run, pack, places, epochs), folder)
    log = (folder / "log.txt").read_text()
    assert endings[-1] == {"killed": False, "code": 0}, log
    # A kill planned for a place that lies behind the run's end does not happen; the rest of the chain is then empty.
    assert sum(ending["killed"] for ending in endings) >= len(places) * 3 // 4, endings
    assert final_digests(run) == expected
    assert not list((run / "checkpoints").glob(".tmp-*"))


def test_twenty_kills_leave_the_bytes_of_an_uninterrupted_run(
    pack: Path, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    check_chain(kills(20, 0), EPOCHS, pack, tmp_path, uninterrupted)


def test_a_lossy_saver_is_caught(pack: Path, tmp_path: Path, uninterrupted: dict[str, str]) -> None:
    run = tmp_path / "run"
    plan = chain(run, pack, [{"where": "step", "after": 2 * EVERY_STEPS + 3}])
    endings = run_plan([{**child, "lossy": True} for child in plan], tmp_path)
    assert [ending["killed"] for ending in endings] == [True, False]
    found = final_digests(run)
    assert found["step"] == uninterrupted["step"]
    assert found["model.safetensors"] != uninterrupted["model.safetensors"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1, 6))
def test_two_hundred_kills(seed: int, pack: Path, tmp_path: Path, uninterrupted_long: dict[str, str]) -> None:
    check_chain(kills(40, seed), LONG_EPOCHS, pack, tmp_path, uninterrupted_long)
