"""Runs whose machine misbehaves: too little memory, and clocks that jump."""

import os
import random
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from small_runs import SMALL, draw_pictures

from alexnet.checkpoint.store import CheckpointStore
from alexnet.cli.main import run

TOO_LITTLE = """
import resource, sys
from alexnet.cli.main import run
import alexnet.runs.train
size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (150 << 20),) * 2)
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture
def begin(tmp_path, monkeypatch):
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    pictures = draw_pictures(tmp_path / "pictures", tuple(f"class{k}" for k in range(10)), count=30)

    def arguments(name, *more):
        base = ["train", "cifar10-18pct", "--data", str(pictures), "--output-dir", str(tmp_path / name), *SMALL]
        small = ["--epochs", "2", "--set", "data.holdout=20", "--set", "train.precision=float32"]
        return [*base, *small, *more]

    return arguments


def weights(folder):
    return load_file(sorted((folder / "checkpoints").glob("step-*"))[-1] / "model.safetensors")


@pytest.mark.skipif(sys.platform != "linux", reason="NO LINUX: the address space is limited there")
def test_too_little_memory_is_one_line(begin, tmp_path):
    base = ["train", "alexnet", "--data", str(tmp_path / "pictures"), "--output-dir", str(tmp_path / "run")]
    command = [sys.executable, "-c", TOO_LITTLE, *base, "--set", "train.threads=1"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=300)
    lines = [line for line in done.stderr.replace("\r", "\n").splitlines() if line.startswith("alexnet: ")]
    assert (done.returncode, len(lines)) == (1, 1), done.stderr
    assert "out of memory" in lines[0] and "Traceback" not in done.stderr


def test_clocks_that_jump_change_no_number_and_no_order(begin, tmp_path, monkeypatch):
    assert run(begin("calm", "--batch-size", "20")) == 0
    rng, real = random.Random(0), time.time
    monkeypatch.setattr(time, "time", lambda: real() + rng.choice((-86_400.0, 0.0, 3e8)))
    assert run(begin("jumpy", "--batch-size", "20")) == 0
    calm, jumpy = weights(tmp_path / "calm"), weights(tmp_path / "jumpy")
    assert all(torch.equal(calm[name], jumpy[name]) for name in calm)
    store = CheckpointStore(tmp_path / "jumpy" / "checkpoints")
    for age, step in enumerate(store.steps()):
        os.utime(store.path(step), (1e9 - 1000 * age,) * 2)
    assert store.latest() == store.path(max(store.steps()))
