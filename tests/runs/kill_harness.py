"""Runs trainings in forked children and kills them, for test_kills.py.

    python kill_harness.py PLAN.json

torch is imported once, before any child is forked and before it has started a thread. The plan names the
command lines and, for each child, after how many steps and where it kills itself; a line of JSON per child says
how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import torch

import alexnet.checkpoint.store as store
import alexnet.training.stepper as stepper
from alexnet.cli import demo, evaluate, pack, predict, train  # noqa: F401 - as above
from alexnet.cli.main import run
from alexnet.core import files
from alexnet.runs import train as runs_train  # noqa: F401 - as above


def kill() -> None:
    """End this process as a power switch would."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_inside_step(after: int) -> None:
    """Kill in the middle of step number `after` of this process: with half of the weights changed, the others not."""
    done = 0
    train_step, update = stepper.train_step, stepper.SGD.step

    def counted(*arguments, **options):
        nonlocal done
        done += 1
        return train_step(*arguments, **options)

    def step(self, closure=None):
        if done > after:
            for group in self.param_groups[: len(self.param_groups) // 2]:
                for parameter in group["params"]:
                    parameter.data.add_(1.0)
            kill()
        return update(self, closure)

    stepper.train_step, stepper.SGD.step = counted, step


def kill_inside_save(after: int) -> None:
    """Kill at the `after`-th flush to disk of this process: somewhere inside a save."""
    done = 0
    original = os.fsync

    def fsync(descriptor):
        nonlocal done
        if done > after:
            kill()
        done += 1
        return original(descriptor)

    files.os.fsync = fsync


def lose_velocity() -> None:
    """Make the saver lossy: the negative control."""
    original = store.CheckpointStore.save

    def save(self, step, *, model, velocity, state, config):
        velocity = {name: torch.zeros_like(tensor) for name, tensor in velocity.items()}
        return original(self, step, model=model, velocity=velocity, state=state, config=config)

    store.CheckpointStore.save = save


def main() -> None:
    """Run the plan's children one after the other."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    for child in plan:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            null = os.open(child["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(null, 1)
            os.dup2(null, 2)
            if child.get("lossy"):
                lose_velocity()
            if child.get("where") == "step":
                kill_inside_step(child["after"])
            elif child.get("where") == "save":
                kill_inside_save(child["after"])
            code = run(child["arguments"])
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status)
        print(json.dumps({"killed": killed, "code": None if killed else os.WEXITSTATUS(status)}), flush=True)


if __name__ == "__main__":
    main()
