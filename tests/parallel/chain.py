"""Starts groups of ranks one after the other, forked from one process that has imported torch: chain.py PLAN.json

The plan: {"groups": [{"size", "arguments", "log"}, ...], ...}, and what faulty.py reads; the number of a group is its
attempt. A group whose rank is killed is over when the others have left. A line of JSON per group: its exit codes.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import faulty
from processes import free_port

import alexnet.cli.train  # noqa: F401 - once, before any child is forked


def start(plan, attempt, rank, group, port):
    """Fork one rank."""
    if pid := os.fork():
        return pid
    log = os.open(group["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if group["size"] > 1:
        os.environ |= {
            "RANK": str(rank),
            "WORLD_SIZE": str(group["size"]),
            "LOCAL_RANK": str(rank),
            "LOCAL_WORLD_SIZE": str(group["size"]),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    try:
        faulty.arm(plan, attempt, rank)
        os._exit(faulty.run(group["arguments"]))
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # never back into the parent's loop


def main():
    plan = json.loads(Path(sys.argv[1]).read_text())
    for attempt, group in enumerate(plan["groups"]):
        port = free_port()
        sys.stdout.flush()
        pids = [start(plan, attempt, rank, group, port) for rank in range(group["size"])]
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    main()
