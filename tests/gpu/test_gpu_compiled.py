"""Every kernel compiles for the GPU it is meant for, in the form that was meant; no GPU is needed to see it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Triton compiles on Linux")
def test_a_training_step_compiles_for_hopper(kernels, tmp_path):
    """Maps are read and written several at a time, and nothing goes through shared memory; views read single bytes."""
    kept = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, Path(__file__).with_name("hopper.py")]
    environment = kept | {"TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    names = ["forward", "backward"] * 5 + ["view", "view", "dropout", "dropout", "update"]
    assert [kernel["name"] for kernel in found] == names
    assert all(kernel["shared"] == 0 for kernel in found)
    assert all(kernel["narrow"] == 0 for kernel in found if kernel["name"] != "view")
