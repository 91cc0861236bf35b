"""What can happen to the ranks of `torchrun -m alexnet train`, and what is said then."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import free_port
from small_run import TESTS, environment, last_digests, make_pack, new_run, samples_by_step, write_plan

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="NO SIGNALS: torchrun's faults are tested on POSIX systems"
)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return make_pack(tmp_path_factory.mktemp("pictures"))


def torchrun(folder, arguments, *, restarts=0, **plan):
    """Run two ranks under torchrun; return its exit code, what the ranks said, and the processes that are left."""
    path = write_plan(folder, **plan)
    mark = f"fault-test-{free_port()}-{os.getpid()}"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", str(restarts),
        "--shutdown-timeout", "2", "--master-port", str(free_port()),
        str(TESTS / "parallel" / "faulty.py"), str(path), *arguments,
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment(ALEXNET_TEST_MARK=mark)
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("alexnet: ")]
    return done, said, [pid for pid in Path("/proc").glob("[0-9]*") if mark.encode() in _environment_of(pid)]


def _environment_of(process):
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def test_a_killed_and_a_stopped_rank_are_restarted(pack, tmp_path):
    faults = [
        {"attempt": 0, "rank": 1, "where": "step", "after": 10, "does": "SIGKILL"},
        {"attempt": 1, "rank": 1, "where": "step", "after": 10, "does": "SIGSTOP"},
    ]
    done, said, left = torchrun(tmp_path, new_run(pack, tmp_path / "run"), restarts=2, faults=faults, silence=4)
    assert done.returncode == 0, done.stderr
    assert "lost the other processes" in said[0] and "has not answered for 4 s" in said[1], said
    assert not left
    assert sorted(samples_by_step(tmp_path / "records")) == list(range(39))


@pytest.mark.slow
def test_killed_and_hung_ranks_are_restarted_to_the_same_bits(pack, tmp_path):
    """Rank 1 killed inside a step, rank 0 inside a save, rank 1 stopped, its main thread asleep: each time all start
    again and go on. That rank 0 once works for longer than anybody may be silent is said and ends nothing."""
    faults = [
        {"attempt": 0, "rank": 0, "where": "step", "after": 6, "does": "work"},
        {"attempt": 0, "rank": 1, "where": "step", "after": 10, "does": "SIGKILL"},
        {"attempt": 1, "rank": 0, "where": "save", "after": 13, "does": "SIGKILL"},
        {"attempt": 2, "rank": 1, "where": "step", "after": 10, "does": "SIGSTOP"},
        {"attempt": 3, "rank": 1, "where": "step", "after": 10, "does": "sleep"},
    ]
    run = tmp_path / "run"
    done, said, left = torchrun(tmp_path, new_run(pack, run), restarts=4, faults=faults, silence=4)
    assert done.returncode == 0, done.stderr
    held = [line for line in said if "others wait for it" in line]
    assert held[0].startswith("alexnet: rank 0 (") and len(held) >= 2, said
    killed, killed_too, stopped, *rest = [line for line in said if line not in held]
    assert all("lost the other processes" in line for line in (killed, killed_too)), said
    assert "rank 1 (" in stopped and "has not answered for 4 s" in stopped
    assert any("rank 1 (" in line and "hangs: 4 s without work in " in line for line in rest), said
    assert not left
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    arguments = [sys.executable, "-m", "alexnet", *new_run(pack, undisturbed / "run")]
    subprocess.run(arguments, check=True, capture_output=True, env=environment())
    assert last_digests(run) == last_digests(undisturbed / "run")
    assert sorted(samples_by_step(tmp_path / "records")) == list(range(39))


def test_a_signal_to_any_rank_saves_and_stops_all(pack, tmp_path):
    """A restart, which torchrun tries whatever the exit code, goes no step further."""
    run = tmp_path / "run"
    fault = {"attempt": 0, "rank": 1, "where": "step", "after": 6, "does": "SIGTERM"}
    done, said, left = torchrun(tmp_path, new_run(pack, run), restarts=1, faults=[fault])
    assert done.returncode == 1
    assert [line.partition(" at step")[0] for line in said[:1]] == ["alexnet: stopped by another process"]
    assert len(said) == 2 and "was asked to stop" in said[1] and f"--resume {run}" in said[1]
    assert json.loads((run / "run.json").read_text())["status"] == "StoppedError"
    assert last_digests(run)["step"] == "step-000000006"
    assert not left


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (["--set", "nothing.at=all"], "nothing: unknown key"),
        (["--device", "none"], "device 'none' cannot be used"),
        (["--bogus"], "Unknown option"),
        (["--set", "optim.lr=1e30"], "the loss is nan"),
    ],
    ids=["recipe", "device", "command line", "diverged"],
)
def test_what_all_ranks_see_is_said_once(pack, tmp_path, change, error):
    done, said, left = torchrun(tmp_path, [*new_run(pack, tmp_path / "run"), *change])
    assert done.returncode == 1
    assert len(said) == 1 and error in said[0], done.stderr
    assert not left
