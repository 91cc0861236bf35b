"""A server with a fault put in, for the load that must catch it: python faulty_server.py FAULT RUN."""

import itertools
import os
import sys

from alexnet.cli.main import run
from alexnet.serving.model import Model

ROWS, KEPT, TURNS = Model.rows, [], itertools.count()


def leaking(self, *arguments):
    """Lose half a megabyte and a handle with every batch."""
    KEPT.append((bytearray(os.urandom(1 << 19)), open(os.devnull)))  # noqa: SIM115 - it is lost
    return ROWS(self, *arguments)


def failing(self, *arguments):
    """Fail at every tenth batch."""
    if next(TURNS) % 10 == 9:
        raise RuntimeError("a fault put in")
    return ROWS(self, *arguments)


if __name__ == "__main__":
    Model.rows = {"leaking": leaking, "failing": failing}[sys.argv[1]]
    sys.exit(run(["serve", sys.argv[2], "--port", "0", "--device", "cpu"]))
