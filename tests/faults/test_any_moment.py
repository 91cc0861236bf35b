"""Twelve requests to stop at random moments of one run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("any_moment.py")


@pytest.mark.skipif(sys.platform == "win32", reason="NO FORK: signals are sent to forks")
def test_a_run_stopped_at_any_moment_ends_with_the_bytes_of_one_that_was_not(test_data, tmp_path):
    shard = next((test_data / "cifar10").glob("test-*.parquet"))
    (tmp_path / "cifar").mkdir()
    (tmp_path / "cifar" / "train-00000-of-00001.parquet").symlink_to(shard)
    program = [
        sys.executable,
        "-m",
        "alexnet",
        "pack",
        str(tmp_path / "cifar"),
        str(tmp_path / "pack"),
        "--size",
        "36",
    ]
    subprocess.run(program, check=True, capture_output=True)
    command = [sys.executable, str(HARNESS), str(tmp_path / "pack"), "--signals", "12", "--epochs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert found["same_bytes"] and not found["tracebacks"], found
    assert found["signals"] >= 6 and found["ends"]["0"] == 1 and found["ends"]["75"] >= 3
