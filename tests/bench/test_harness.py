"""The race: turns, who is dropped and why, what a worker's environment holds."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.bench import harness
from alexnet.bench.contestant import Contestant
from alexnet.bench.harness import Settings, race
from alexnet.bench.result import Result
from alexnet.bench.task import Task
from alexnet.core.terminal import Progress


def fake(name: str, function: str | None = None, **fields) -> Contestant:
    return Contestant(name=name, function=f"fake_contestants:{function or name}", **fields)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Race fake contestants for as many rounds as are asked for."""
    paths = (str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))

    def call(*contestants: Contestant, rounds: int = 3, processes: int = 1, **settings) -> Result:
        settings = Settings(rounds=rounds, seconds=1e-6, pause=0.0, **settings)
        task = Task(work="train", processes=processes)
        with Progress("test", unit="turns") as bar:
            return race("x/y", task, contestants, folder=tmp_path, settings=settings, bar=bar)

    return call


def order(tmp_path: Path) -> list[str]:
    return (tmp_path / "x" / "y" / "order").read_text().split()


def test_contestants_take_turns(run, tmp_path):
    result = run(fake("ours", "counting"), fake("b", "counting"), fake("c", "counting"), rounds=4)
    assert order(tmp_path) == [*["ours"] * 3, *["b"] * 3, *["c"] * 3, *["ours", "b", "c"] * 4]
    assert [len(s.rates) for s in (result.ours, *result.peers)] == [4, 4, 4]


def test_a_result_holds_what_the_contestant_said(run):
    ours = run(fake("ours", "counting", memory="own", packages=("numpy",))).ours
    assert (ours.configuration, ours.images, ours.memory) == ("counts, train", 10, "own")
    assert ours.evidence == {"loss": 1.0, "smallest_gradient": 0.5}
    assert ours.versions["numpy"].startswith("2.")
    assert sys.platform == "win32" or ours.peak_memory_bytes > 1_000_000


def test_who_is_absent_is_named_with_the_reason(run, capsys):
    result = run(
        fake("ours", "counting"),
        fake("uninstalled", install="pip install it"),
        fake("elsewhere"),
        fake("counting"),
    )
    uninstalled, elsewhere, there = result.peers
    assert uninstalled.absent == "No module named 'no_such_package'; pip install it"
    assert elsewhere.absent == "runs on the moon only"
    assert not uninstalled.counts and there.counts and there.absent is None
    assert "uninstalled is absent: No module" in capsys.readouterr().err


def test_a_crash_in_a_round_is_one_line_and_the_others_go_on(run, tmp_path):
    result = run(fake("ours", "counting"), fake("raising"), fake("c", "counting"), rounds=4)
    raising, last = result.peers
    assert raising.failed == "RuntimeError: out of luck"
    assert order(tmp_path).count("raising") == 5  # the rounds after that go without it
    assert len(last.rates) == 4 and result.best_peer is last


def test_several_processes_are_one_contestant(run):
    result = run(fake("ours", "sharing"), fake("b", "sharing"), processes=3)
    for standing in (result.ours, *result.peers):
        assert standing.configuration == "3 processes: share 0 of 3"
        assert (standing.images, len(standing.rates)) == (1 + 2 + 3, 3)
        assert standing.evidence == {"share": 1.0}


def test_one_process_that_fails_drops_its_contestant(run):
    contestants = fake("ours", "sharing"), fake("last_one_failing"), fake("b", "sharing"), fake("c", "sharing")
    failing, absent, last = run(*contestants, processes=2, pythons={"b": "/no/python"}).peers
    assert failing.failed == "its loss is nan" and not absent.counts and last.counts


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hanging_up", "it ended with code 7: so long"),
        ("not_learning", "a weight has a gradient of zero: no training step"),
        ("diverging", "its loss is nan"),
        ("missing", "AttributeError: module 'fake_contestants' has no attribute 'missing'"),
    ],
)
def test_who_does_not_do_the_work_does_not_count(run, name, reason):
    result = run(fake("ours", "counting"), fake(name))
    assert result.peers[0].failed == reason
    assert result.best_peer is None and result.to_json()["ratio"] is None


def test_who_never_answers_is_given_up(run):
    assert run(fake("ours", "silent"), patience=1.0).ours.failed == "it gave no answer in 1 s"


def test_an_interpreter_that_is_not_there_is_one_line(run):
    result = run(fake("ours", "counting"), fake("b", "counting"), pythons={"b": "/no/python"})
    assert result.peers[0].failed == "/no/python: No such file or directory" or sys.platform == "win32"


def test_only_kept_memory_is_kept_and_a_shell_favors_nobody(run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "1")
    result = run(fake("ours", "environment", memory="default"), fake("b", "environment", memory="kept"))
    assert result.ours.configuration == "MALLOC_MMAP_MAX_=None THP_MEM_ALLOC_ENABLE=None OMP_NUM_THREADS=None"
    assert result.peers[0].configuration == "MALLOC_MMAP_MAX_=0 THP_MEM_ALLOC_ENABLE=1 OMP_NUM_THREADS=None"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process's peak")
def test_nobody_is_started_into_memory_that_is_not_there(run, monkeypatch):
    monkeypatch.setattr(harness, "available_memory", lambda: 1000)
    result = run(fake("ours", "counting"), fake("b", "counting"))
    assert result.ours.counts
    assert result.peers[0].failed.startswith("not started: 1.0 kB of memory are free, another took")
