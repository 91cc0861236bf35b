"""The run that the tests of faults disturb, and what to read of it afterwards."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from cli.small_runs import draw_pictures

TESTS = Path(__file__).resolve().parent.parent
IMAGES, BATCH, EPOCHS = 100, 8, 3
STEPS = EPOCHS * -(-IMAGES // BATCH)
CHANGES = {
    "model.num_classes": 4,
    "model.edits": '[{kind="insert", after="pool3", row={kind="dropout", name="drop3", rate=0.5}}]',
    "data.size": 36,
    "data.holdout": 8,
    "view.random_crop": "true",
    "view.color_noise": "code2012",
    "train.threads": 1,
    "train.log_every": 1,
    "checkpoint.every_steps": 4,
}


def make_pack(folder, count=30):
    """Pack four classes of so many noisy pictures: of 30, 100 are to train on, 8 to look at."""
    pictures = draw_pictures(folder / "pictures", ("a", "b", "c", "d"), count=count)
    command = [sys.executable, "-m", "alexnet", "pack", str(pictures), str(folder / "pack"), "--size", "36"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "pack"


def new_run(pack, out, *, elastic=True, **more):
    """Return the arguments of a new run; in the names of more settings, _ stands for the dot."""
    changes = CHANGES | ({"train.elastic_parts": 4} if elastic else {})
    changes |= {name.replace("_", ".", 1): value for name, value in more.items()}
    settings = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    return [
        "train", "cifar10-18pct", "--data", str(pack), "--output-dir", str(out),
        "--epochs", str(EPOCHS), "--batch-size", str(BATCH), "--seed", "3", *settings,
    ]  # fmt: skip


def environment(**more):
    """Return what programs under test run with: one thread each, these tests' modules, a rendezvous on loopback."""
    path = os.pathsep.join(filter(None, (str(TESTS), str(TESTS / "parallel"), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | more


def write_plan(folder, **plan):
    """Write the plan of faulty.py and chain.py."""
    (folder / "records").mkdir(exist_ok=True)
    path = folder / "plan.json"
    path.write_text(json.dumps({"records": str(folder / "records"), "faults": []} | plan))
    return path


def last_digests(run):
    """Return the digests of the last checkpoint's tensors, its step, and those of all planned checkpoints."""
    last = sorted((run / "checkpoints").glob("step-*"))[-1]
    names = ("model.safetensors", "velocity.safetensors")
    logged = (run / "digests.jsonl").read_text()
    return {"step": last.name, "logged": logged} | {
        n: hashlib.sha256((last / n).read_bytes()).hexdigest() for n in names
    }


def samples_by_step(records):
    """Return step -> the samples that its last attempt was taken with, all ranks together."""
    last = {}
    for path in sorted(records.glob("*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            attempt, samples = last.get(line["step"], (-1, []))
            if line["attempt"] >= attempt:
                kept = samples if line["attempt"] == attempt else []
                last[line["step"]] = line["attempt"], kept + line["samples"]
    return {step: samples for step, (_, samples) in sorted(last.items())}


def run_chain(folder, groups, faults):
    """Run groups of ranks one after the other; return their exit codes and what they said."""
    groups = [{**group, "log": str(folder / "log.txt")} for group in groups]
    plan = write_plan(folder, groups=groups, faults=faults)
    command = [sys.executable, str(TESTS / "parallel" / "chain.py"), str(plan)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment())
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], (folder / "log.txt").read_text()
