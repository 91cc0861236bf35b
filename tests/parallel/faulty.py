"""`alexnet train` with planned faults and a record of who trained on what: torchrun ... faulty.py PLAN.json train ...

The plan: {"records": FOLDER, "silence": seconds, "faults": [{"attempt", "rank", "where", "after", "does"}, ...]}. What
this attempt and rank does in its `after`-th step (with half of the weights changed) or at its `after`-th flush to disk
is the name of a signal to itself, "sleep" for ever, or "work" for four times the silence.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from alexnet.cli.main import run
from alexnet.core import files
from alexnet.optim.sgd import SGD
from alexnet.parallel import ranks
from alexnet.runs import follow, train  # noqa: F401 - a parent that forks imports everything once
from alexnet.training.fit import Learner

HARMLESS = ("SIGTERM", "work")


def arm(plan, attempt, rank):
    """Change this process as the plan says."""
    record(Path(plan["records"]), attempt, rank)
    if "silence" in plan:
        ranks.joined.__wrapped__.__kwdefaults__["silence"] = plan["silence"]
    for fault in plan["faults"]:
        if (fault["attempt"], fault["rank"]) == (attempt, rank):
            hurt = {"step": hurt_in_step, "save": hurt_in_save}[fault["where"]]
            hurt(fault["after"], fault["does"], plan.get("silence", 0))


def record(folder, attempt, rank):
    """Write a line for each step: which samples this process took."""
    original = Learner.stepper

    def stepper(self):
        made = original(self)
        begin = made.begin

        def recorded(batch, step):
            line = json.dumps({"attempt": attempt, "step": step, "samples": batch.samples.tolist()})
            with open(folder / f"{attempt}-{rank}.jsonl", "a") as stream:
                stream.write(line + "\n")
            return begin(batch, step)

        object.__setattr__(made, "begin", recorded)  # one kind is frozen
        return made

    Learner.stepper = stepper


def hurt_in_step(after, does, silence):
    done, original = 0, SGD.step

    def step(self, closure=None):
        nonlocal done
        done += 1
        if done == after:
            if does not in HARMLESS:
                for parameter in self.param_groups[0]["params"]:
                    parameter.data.add_(1.0)
            act(does, silence)
        return original(self, closure)

    SGD.step = step


def hurt_in_save(after, does, silence):
    done, original = 0, os.fsync

    def fsync(descriptor):
        nonlocal done
        done += 1
        if done == after:
            act(does, silence)
        return original(descriptor)

    files.os.fsync = fsync


def act(does, silence):
    if does == "sleep":
        threading.Event().wait()
    elif does == "work":
        start = time.monotonic()
        while time.monotonic() - start < 4 * silence:
            pass
    else:
        os.kill(os.getpid(), signal.Signals[does])


if __name__ == "__main__":
    arm(
        json.loads(Path(sys.argv[1]).read_text()),
        int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)),
        int(os.environ.get("RANK", 0)),
    )
    sys.exit(run(sys.argv[2:]))
