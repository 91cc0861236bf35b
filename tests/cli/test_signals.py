"""Signals: the first asks a run to save and stop, a second Ctrl-C leaves at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import SMALL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NO SIGNALS: Windows has no SIGTERM to send")

LONG = ("--epochs", "100000", "--batch-size", "8", "--set", "data.holdout=10", "--set", "train.log_every=1")


def begin(pictures: Path, out: Path) -> subprocess.Popen[str]:
    """Start a run that does not end by itself, and return when it has trained a few steps."""
    command = [sys.executable, "-m", "alexnet", "train", "cifar10-18pct", "--data", str(pictures)]
    command += ["--output-dir", str(out), *LONG, *SMALL]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "metrics.jsonl").is_file() or len((out / "metrics.jsonl").read_bytes().splitlines()) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the run did not begin"
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_saves_and_says_how_to_go_on(name: str, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = begin(pictures, out)
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    last = errors.strip().splitlines()[-1]
    assert f"stopped by {name}" in last
    assert f"alexnet train --resume {out}" in last
    assert "Traceback" not in errors
    step = int(last.split(" at step ")[1].split(",")[0])
    assert (out / "checkpoints" / f"step-{step:09d}" / "MANIFEST.json").is_file()
    assert json.loads((out / "run.json").read_text())["status"] == "StoppedError"


def test_two_runs_cannot_share_a_folder(cli, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = begin(pictures, out)
    try:
        ending = cli("train", "--resume", out)
        assert ending.code == 1
        assert f"in use by another process (id {process.pid})" in ending.err
    finally:
        process.kill()
        process.communicate()


def test_a_second_interrupt_leaves_at_once() -> None:
    """Both signals are raised inside the command, where a run would be."""
    code = (
        "import signal, sys\n"
        "from alexnet.cli import main\n"
        "from alexnet.training.hooks.saver import StopRequest\n"
        "def command(*arguments, **options):\n"
        "    with StopRequest() as stop:\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "        assert stop.signal == 'SIGINT'\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "main.make_app = lambda verb: command\n"
        "sys.exit(main.run(['doctor']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
