"""Who takes part in a benchmark, and the process that each of them runs in."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alexnet.bench import worker
from alexnet.bench.task import Task

MEMORY: dict[str, dict[str, str]] = {
    "default": {},
    "own": {},
    "kept": {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": "30000000000",
        "MALLOC_TOP_PAD_": "500000000",
        "THP_MEM_ALLOC_ENABLE": "1",
    },
}
"""How the C library treats freed memory. `kept`: it stays in the process, by the environment (glibc). `own`: the
contestant sees to it, as ours does by `core/allocator.py`."""
_OF_A_SHELL = (*MEMORY["kept"], "OMP_NUM_THREADS", "MKL_NUM_THREADS", "GLIBC_TUNABLES", "LD_PRELOAD")
"""What a shell may have set and would favor some contestants."""


class Dropped(Exception):
    """A contestant that cannot go on; says why in one line."""

    def __init__(self, reason: str, absent: bool = False):
        super().__init__(reason)
        self.reason, self.absent = reason, absent


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A program that does an entry's work."""

    name: str
    function: str
    """`module:function` that takes a `Task` and returns a `Work`."""
    memory: str = "kept"
    """A key of `MEMORY`."""
    packages: tuple[str, ...] = ()
    """Distributions whose versions belong to a result."""
    install: str = ""
    """What to install where it is absent."""


class Process:
    """A contestant at work in a process of its own.

    Args:
        contestant: Who.
        task: What.
        python: The interpreter to run it; None: this one.
        patience: Seconds for an answer; after that the process is ended.
    """

    def __init__(self, contestant: Contestant, task: Task, python: str | None, patience: float):
        self.contestant, self.patience, self.peak_memory = contestant, patience, 0
        self._late = False
        self._log = Path(task.folder) / "stderr"
        request = {
            "function": contestant.function,
            "packages": contestant.packages,
            "task": asdict(task),
        }
        python = python or sys.executable
        package = str(Path(worker.__file__).resolve().parents[2])
        environment = {name: value for name, value in os.environ.items() if name not in _OF_A_SHELL}
        with open(self._log, "wb") as log:
            try:
                self._process = subprocess.Popen(
                    [python, "-c", worker.START, package, json.dumps(request)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment | MEMORY[contestant.memory],
                )
            except OSError as error:
                raise Dropped(f"{python}: {error.strerror}") from None

    def ready(self) -> dict[str, Any]:
        """Wait until its work is ready and return `configuration`, `images` and `versions`."""
        return self._read()

    def run(self, iterations: int) -> float:
        """Let it do so many iterations and return the seconds it took, by its own clock."""
        self.begin(iterations)
        return self.finish()

    def begin(self, iterations: int) -> None:
        """Tell it to do so many iterations."""
        self._tell({"iterations": iterations})

    def finish(self) -> float:
        """Wait until it has done them and return the seconds it took."""
        return self._read()["seconds"]

    def check(self) -> dict[str, float]:
        """Return its evidence.

        Raises:
            Dropped: what it did was no such work.
        """
        self._tell({"check": True})
        answer = self._read()
        values, self.peak_memory = answer["check"], answer["peak_memory_bytes"]
        for name, value in values.items():
            if value - value != 0:
                raise Dropped(f"its {name.replace('_', ' ')} is {value}")
        if values.get("smallest_gradient") == 0:
            raise Dropped("a weight has a gradient of zero: no training step")
        return values

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tell(self, command: Mapping[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise Dropped(self._ending()) from None

    def _read(self) -> dict[str, Any]:
        timer = threading.Timer(self.patience, self._give_up)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        try:
            answer = json.loads(line)
        except ValueError:
            raise Dropped(self._ending()) from None
        if reason := answer.get("absent"):
            install = f"; {self.contestant.install}" * bool(self.contestant.install)
            raise Dropped(reason + install, absent=True)
        if reason := answer.get("failed"):
            raise Dropped(reason)
        return answer

    def _give_up(self) -> None:
        self._late = True
        self._process.kill()

    def _ending(self) -> str:
        """Say how the process ended, with the last line that it printed."""
        if self._late:
            return f"it gave no answer in {self.patience:.0f} s"
        code = self._process.wait(self.patience)
        text = self._log.read_text(encoding="utf-8", errors="replace")
        last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
        return f"it ended with code {code}" + f": {last[:300]}" * bool(last)
