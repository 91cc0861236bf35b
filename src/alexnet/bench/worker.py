"""The process of one contestant: it makes its work ready, then does what it is told, line by line.

Started as `python -c START folder-of-the-package request`. Requests and answers are JSON, one a line; between them the
process sleeps on its input. Standard output belongs to the answers alone; what libraries print goes to standard error.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any, TextIO

from alexnet.bench.task import Absent, Task, Work

START = "import sys; sys.path.append(sys.argv[1]); from alexnet.bench.worker import main; main(sys.argv[2])"
"""The package comes last on the path: with another interpreter, its own packages are meant."""


def main(request: str) -> None:
    """Serve one contestant until its input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        serve(json.loads(request), sys.stdin, answers)
    except Exception as error:  # whatever a peer raises is one line of the table
        _answer(answers, {"failed": _line(error)})


def serve(request: Mapping[str, Any], commands: TextIO, answers: TextIO) -> None:
    """Make the work ready, say so, and follow the commands."""
    module, _, function = request["function"].partition(":")
    try:
        make: Callable[[Task], Work] = getattr(importlib.import_module(module), function)
        work = make(Task(**request["task"]))
    except (ImportError, Absent) as error:
        _answer(answers, {"absent": _line(error)})
        return
    versions = _versions(request["packages"])
    _answer(answers, {"configuration": work.configuration, "images": work.images, "versions": versions})
    for line in commands:
        command = json.loads(line)
        if "iterations" in command:
            start = time.perf_counter()
            work.run(command["iterations"])
            _answer(answers, {"seconds": time.perf_counter() - start})
        else:
            _answer(answers, {"check": dict(work.check()), "peak_memory_bytes": _peak_memory()})


def _answer(answers: TextIO, value: Mapping[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of those that are installed: some come under several names."""
    found = {}
    for name in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _peak_memory() -> int | None:
    """Return the largest resident size so far in bytes, where the system tells."""
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    plain = isinstance(error, ImportError | Absent) and text
    return (text if plain else f"{type(error).__name__}: {text}")[:300]
