"""Mutated files for readers, in processes that may die: what a reader did with each, and what it must not have done.

A batch of mutants is read by a forked process under a limit of memory and a timer of processor time, so that a crash, a
hang or an endless allocation is seen, named, and laid to the one input that caused it. A mutant that made the reader do
something new (a new line of the project's readers, a new refusal) joins the corpus that later batches mutate. Every
mutant follows from the seed, the target's name and its own number, given the corpus of its batch.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import mmap
import os
import random
import resource
import select
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import alexnet
from alexnet.core.errors import AlexNetError

SOURCE = str(Path(alexnet.__file__).parent)
MB = 1 << 20
CPU_SECONDS = 1.0
"""Of one mutant; the system ends a reader that computes for longer."""
BLOCKED_SECONDS = 120.0
"""Without a mutant done: a reader that waits for something, which costs no processor time."""
LONGEST_LINE = 4_000
"""Characters of a refusal."""
MOST_FAILURES = 25
"""Of one target before its run ends."""
MOST_IN_CORPUS = 600
_OFTEN, _SELDOM = 100, 16
"""Calls of a function in a batch whose lines are all looked at; later, one in so many is."""
_SECOND_LIMIT = 2
"""Times the bound of memory that the address space may grow by: a backstop behind the measured bound."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reader and what it is fed.

    Args:
        name: What results call it.
        seeds: Whole files (or bundles of them) to begin from.
        mutate: Makes a mutant from a random generator, one input of the corpus and another one.
        read: Reads the bytes, with a folder to write to; raises the project's own error to refuse them.
        body: Pairs of an object and the name of its function that is called once a reader has passed the signature and
            sizes and works on the content.
        memory: Bytes that the reader's resident memory may grow by.
    """

    name: str
    seeds: tuple[bytes, ...]
    mutate: Callable[[random.Random, bytes, bytes], bytes]
    read: Callable[[bytes, Path], None]
    body: tuple[tuple[object, str], ...] = ()
    memory: int = 300 * MB


@dataclass(kw_only=True)
class Failure:
    """A mutant that did what none may do."""

    target: str
    index: int
    kind: str
    """hang, blocked, crash, exit, memory, exception or message."""
    detail: str
    file: str = ""


@dataclass(kw_only=True)
class Tally:
    """What became of a target's mutants."""

    mutants: int = 0
    accepted: int = 0
    reached: int = 0
    """Got as far as the decoder or the parser's body."""
    refusals: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    """Seconds of processor time."""
    memory: int = 0
    """Most bytes by which a process's resident memory grew."""
    lines: int = 0
    corpus: int = 0
    failures: list[Failure] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Return plain values, rounded for people."""
        return {
            "mutants": self.mutants,
            "accepted": self.accepted,
            "refused": dict(self.refusals.most_common()),
            "reached_body": self.reached,
            "share_reached": round(self.reached / max(1, self.mutants), 4),
            "slowest_seconds": round(self.slowest, 3),
            "peak_memory_growth_mb": round(self.memory / MB, 1),
            "lines_of_readers": self.lines,
            "corpus": self.corpus,
            "failures": [vars(one) for one in self.failures],
        }


class Fuzz:
    """The fuzzing of one target.

    Args:
        seed: Of all randomness.
        work: Folder that readers may write to.
        keep: Folder for inputs that fail; made when there is one.
    """

    def __init__(self, target: Target, *, seed: int, work: Path, keep: Path):
        self.target, self.seed, self.work, self.keep = target, seed, work, keep
        self.corpus = list(target.seeds)
        self.tally = Tally()
        self._known: set[str] = set()
        self._lines: set[tuple[str, int]] = set()
        self._largest = max(4096, 4 * max(map(len, target.seeds)))

    def run(self, mutants: int, batch: int = 2000) -> Tally:
        """Read that many mutants; return what became of all so far."""
        end = self.tally.mutants + mutants
        while self.tally.mutants < end and len(self.tally.failures) < MOST_FAILURES:
            self._batch(range(self.tally.mutants, min(end, self.tally.mutants + batch)))
        self.tally.lines, self.tally.corpus = len(self._lines), len(self.corpus)
        return self.tally

    def mutant(self, index: int) -> bytes:
        """Return a mutant of the present batch."""
        rng = random.Random(f"{self.seed}/{self.target.name}/{index}")
        return self.target.mutate(rng, self._pick(rng), rng.choice(self.corpus))

    def _pick(self, rng: random.Random) -> bytes:
        return rng.choice(self.target.seeds if rng.random() < 0.4 else self.corpus)

    def _batch(self, indices: range) -> None:
        skipped: set[int] = set()
        while True:
            answer, death = _in_process(lambda place: _Batch(self, place).run(indices, skipped))
            if answer is not None:
                break
            at, kind, detail = death
            if at in skipped or at not in indices:
                raise RuntimeError(f"{self.target.name}: a worker died outside its work ({kind}, {detail})")
            skipped.add(at)
            self._fail(at, kind, detail)
            if len(self.tally.failures) >= MOST_FAILURES:
                self.tally.mutants += len(skipped)
                return
        self._take(answer)
        self.tally.mutants += len(indices)

    def _take(self, answer: dict) -> None:
        tally = self.tally
        tally.accepted += answer["accepted"]
        tally.reached += answer["reached"]
        tally.refusals.update(answer["refusals"])
        tally.slowest = max(tally.slowest, answer["slowest"])
        tally.memory = max(tally.memory, answer["memory"])
        for index, kind, detail in answer["failures"]:
            self._fail(index, kind, detail)
        fresh = [self.mutant(index) for index in answer["novel"]]
        self._known.update(answer["known"])
        self._lines.update((file, line) for file, line in answer["lines"])
        room = MOST_IN_CORPUS - len(self.corpus)
        self.corpus += [data for data in fresh if len(data) <= self._largest][:room]

    def _fail(self, index: int, kind: str, detail: str) -> None:
        self.keep.mkdir(parents=True, exist_ok=True)
        file = self.keep / f"{self.target.name.replace(' ', '-')}-{self.seed}-{index}-{kind}.bin"
        file.write_bytes(self.mutant(index))
        self.tally.failures.append(
            Failure(target=self.target.name, index=index, kind=kind, detail=detail, file=file.name)
        )


class _Batch:
    """One batch, in its own process."""

    def __init__(self, fuzz: Fuzz, place: mmap.mmap):
        self.fuzz, self.place = fuzz, place
        self.known, self.fresh = set(fuzz._known), set()
        self.lines, self.new_lines = fuzz._lines, set()
        self.reached = 0
        self.answer = {"accepted": 0, "reached": 0, "refusals": Counter(), "slowest": 0.0, "memory": 0}
        self.answer |= {"failures": [], "novel": []}
        self.base = _resident()
        self._codes: dict[object, int] = {}

    def run(self, indices: range, skipped: set[int]) -> dict:
        limit = _address_space() + _SECOND_LIMIT * self.fuzz.target.memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self._watch_bodies()
        warnings.simplefilter("error")
        for index in indices:
            if index not in skipped:
                data = self.fuzz.mutant(index)
                self.place[:8] = index.to_bytes(8, "little")
                self._one(index, data)
        answer = self.answer
        answer["lines"] = sorted(self.new_lines)
        answer["known"] = sorted(self.fresh)
        return answer

    def _one(self, index: int, data: bytes) -> None:
        self.reached, before = 0, len(self.new_lines)
        outcome, fault = "", None
        start = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        sys.settrace(self._trace)
        try:
            self.fuzz.target.read(data, self.fuzz.work)
        except AlexNetError as error:
            outcome = _key(error)
            fault = _bad_line(str(error))
        except BaseException as error:
            outcome = _key(error)
            last = traceback.extract_tb(error.__traceback__)[-1]
            fault = (
                "exception",
                f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"[:400],
            )
        finally:
            sys.settrace(None)
            signal.setitimer(signal.ITIMER_PROF, 0)
        self._note(index, time.process_time() - start, outcome, fault)
        if outcome not in self.known:
            self.known.add(outcome)
            self.fresh.add(outcome)
            self.answer["novel"].append(index)
        elif len(self.new_lines) > before:
            self.answer["novel"].append(index)

    def _note(self, index: int, seconds: float, outcome: str, fault: tuple[str, str] | None) -> None:
        answer, grown = self.answer, _resident() - self.base
        answer["reached"] += bool(self.reached)
        answer["slowest"] = max(answer["slowest"], seconds)
        if grown > self.fuzz.target.memory and answer["memory"] <= self.fuzz.target.memory:
            fault = fault or ("memory", f"grew by {grown // MB} MB")
        answer["memory"] = max(answer["memory"], grown)
        if fault:
            answer["failures"].append((index, *fault))
        elif outcome:
            answer["refusals"][outcome.partition("@")[0]] += 1
        else:
            answer["accepted"] += 1

    def _watch_bodies(self) -> None:
        for owner, name in self.fuzz.target.body:
            setattr(owner, name, self._counting(getattr(owner, name)))

    def _counting(self, function: Callable) -> Callable:
        def counted(*args, **kwargs):
            self.reached = 1
            return function(*args, **kwargs)

        return counted

    def _trace(self, frame, event, argument):
        code = frame.f_code
        calls = self._codes.get(code)
        if calls is None:
            calls = 0 if code.co_filename.startswith(SOURCE) else -1
        if calls >= 0:
            self._codes[code] = calls + 1
        return self._line if 0 <= calls < _OFTEN or (calls > 0 and not calls % _SELDOM) else None

    def _line(self, frame, event, argument):
        if event == "line":
            place = frame.f_code.co_filename[len(SOURCE) + 1 :], frame.f_lineno
            if place not in self.lines:
                self.new_lines.add(place)
        return self._line


def _key(error: BaseException) -> str:
    """Return what kind of refusal it is, and the line of the project that gave it."""
    place, trace = "", error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename.startswith(SOURCE):
            place = f"{trace.tb_frame.f_code.co_filename[len(SOURCE) + 1 :]}:{trace.tb_lineno}"
        trace = trace.tb_next
    code = f" {error.code}" if hasattr(error, "code") else ""
    return f"{type(error).__name__}{code}@{place}"


def _bad_line(text: str) -> tuple[str, str] | None:
    if not text.isprintable() or len(text) > LONGEST_LINE:
        return "message", f"{len(text)} characters: {text[:200]!r}"
    return None


def _in_process(work: Callable[[mmap.mmap], dict]) -> tuple[dict | None, tuple[int, str, str]]:
    """Return what `work` returned in a forked process; or None, and where, how and why it ended."""
    place = mmap.mmap(-1, 8)
    place[:8] = (2**63).to_bytes(8, "little")
    reading, writing = os.pipe()
    ctypes.CDLL(None).malloc_trim(0)  # else a reader may grow into what this process has freed, unseen
    child = os.fork()
    if not child:
        _be_child(work, place, writing)
    os.close(writing)
    answer, blocked = _listen(reading, child, place)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    at = int.from_bytes(place[:8], "little")
    if answer and os.WIFEXITED(status) and not os.WEXITSTATUS(status):
        return json.loads(answer), (at, "", "")
    if blocked:
        return None, (at, "blocked", f"did nothing for {BLOCKED_SECONDS:.0f} seconds")
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        is_timer = name == "SIGPROF"
        detail = f"computed for more than {CPU_SECONDS} s" if is_timer else name
        return None, (at, "hang" if is_timer else "crash", detail)
    if answer:
        raise RuntimeError(f"the harness itself failed:\n{answer.decode(errors='replace')}")
    return None, (at, "exit", f"left with status {os.WEXITSTATUS(status)}")


def _be_child(work: Callable[[mmap.mmap], dict], place: mmap.mmap, writing: int) -> None:
    status = 1
    faulthandler.disable()
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 2)
        os.dup2(silence, 1)
        text = json.dumps(work(place))
        status = 0
    except BaseException:
        text = traceback.format_exc()
    try:
        with open(writing, "w") as stream:
            stream.write(text)
    finally:
        os._exit(status)


def _listen(reading: int, child: int, place: mmap.mmap) -> tuple[bytes, bool]:
    """Return all that a process says until it ends, and whether it was ended for doing nothing."""
    pieces, last, since = [], place[:8], time.monotonic()
    while True:
        ready, _, _ = select.select([reading], [], [], 5.0)
        if ready:
            piece = os.read(reading, 1 << 16)
            if not piece:
                return b"".join(pieces), False
            pieces.append(piece)
        if ready or place[:8] != last:
            last, since = place[:8], time.monotonic()
        elif time.monotonic() - since > BLOCKED_SECONDS:
            os.kill(child, signal.SIGKILL)
            return b"".join(pieces), True


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _address_space() -> int:
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[0]) * resource.getpagesize()


def reproduce(target: Target, data: bytes, work: Path) -> None:
    """Read one input in this process, to see what it does."""
    target.read(data, work)


def choose(targets: Sequence[Target], names: Sequence[str]) -> list[Target]:
    """Return the targets of these names, or all."""
    return [target for target in targets if not names or target.name in names]
