"""The long run's short form, and a run that loses memory and handles at every save, which must be caught."""

import json
import subprocess
import sys
from pathlib import Path

HARNESS = Path(__file__).with_name("long_run.py")


def measured(steps, *options):
    command = [sys.executable, str(HARNESS), "--steps", str(steps), "--saves", "60", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=540)
    assert done.stdout, done.stderr
    return json.loads(done.stdout[done.stdout.index("\n{") :])


def test_thousands_of_steps_and_many_saves_leave_the_process_as_it_was():
    found = measured(3600)
    assert found["wrong"] == [] and found["steps"] == 3600 and found["saves"] >= 60
    assert found["kept_checkpoints"] == 2


def test_a_run_that_loses_memory_and_handles_is_caught():
    wrong = measured(1200, "--leak", "3000000")["wrong"]
    assert any("memory" in one for one in wrong) and any("files" in one for one in wrong)
