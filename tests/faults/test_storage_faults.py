"""Every call of every writer under faults: the short form, and a careless writer that must be caught."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("storage_faults.py")
FAULTS = 6

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="NO LINUX: faults are put into calls with LD_PRELOAD"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="NO C COMPILER: faults are put into calls with one"),
]


def told(*options):
    done = subprocess.run([sys.executable, str(HARNESS), *options], capture_output=True, text=True, timeout=540)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_a_fault_in_any_call_leaves_the_old_or_the_new_and_is_one_line():
    found = told("--every", "7")  # a number without a factor of FAULTS, so that each fault meets other calls
    assert {title: writer["wrong"] for title, writer in found["writers"].items()} == {
        title: [] for title in found["writers"]
    }
    assert len(found["writers"]) == 6 and found["cases"] > 150
    assert all(
        writer["ends"].get("killed") and writer["ends"].get("said") for writer in found["writers"].values()
    )


@pytest.mark.slow
def test_every_fault_in_every_call_leaves_the_old_or_the_new_and_is_one_line():
    found = told()
    assert not found["wrong"] and found["cases"] == FAULTS * sum(w["calls"] for w in found["writers"].values())


def test_a_writer_without_a_temporary_file_is_caught():
    (found,) = told("--careless")["writers"].values()
    assert any("neither old nor new" in reason for reason in found["wrong"])
