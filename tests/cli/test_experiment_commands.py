"""`alexnet experiment`: listed, run, stopped, gone on with, done again."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from small_runs import draw_pictures

RUN = ("experiment", "run", "dropout", "--budget", "smoke")


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Twelve classes of pictures of 32 pixels."""
    folder = tmp_path_factory.mktemp("pictures")
    names = tuple(f"class{k:02d}" for k in range(12))
    pictures = draw_pictures(folder / "pictures", names, count=24)
    command = [sys.executable, "-m", "alexnet", "pack", str(pictures), str(folder / "pack"), "--size", "32"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "pack"


def arguments(folder, pack, jobs=1):
    return (
        *RUN,
        "--data",
        pack,
        "--results",
        folder / "results",
        "--scratch",
        folder / "scratch",
        "--jobs",
        jobs,
    )


def results_of(folder):
    return {path.parent.name: path for path in (folder / "results").glob("*/*/result.json")}


def test_all_are_listed(cli):
    listed = json.loads(cli("experiment", "list", "--json").out)["experiments"]
    assert {"figure-1", "normalization", "dropout", "mirrored-digits", "ensembles"} <= {
        e["name"] for e in listed
    }
    assert all(e["claim"] and e["source"] and e["contrasts"] and "smoke" in e["budgets"] for e in listed)
    shown = cli("experiment", "list").out
    assert all(e["name"] in shown for e in listed)


def test_what_is_done_is_not_done_again_and_can_be_done_again(cli, pack, tmp_path):
    first = cli(*arguments(tmp_path, pack))
    assert first.code == 0, first.err
    assert "cannot tell    dropout has less test error" in first.out and "1 seed" in first.out
    done = results_of(tmp_path)
    assert len(done) == 2 and not list((tmp_path / "scratch").glob("*/checkpoints"))
    assert all(path.stat().st_size < 20_000 for path in done.values())
    times = {name: path.stat().st_mtime_ns for name, path in done.items()}
    told = json.loads(cli(*arguments(tmp_path, pack), "--json").out)
    assert {n: p.stat().st_mtime_ns for n, p in results_of(tmp_path).items()} == times
    assert told["experiments"][0]["verdicts"][0]["verdict"] == "cannot tell"
    again = (
        "experiment",
        "rerun",
        next(iter(done.values())).parent,
        "--data",
        pack,
        "--scratch",
        tmp_path / "s",
    )
    ending = cli(*again)
    assert ending.code == 0, ending.out + ending.err
    assert "numbers are the same" in ending.out
    path = next(iter(done.values()))
    path.write_text(path.read_text().replace('"top1_error": 0.', '"top1_error": 0.0', 1))
    ending = cli(*again, "--json")
    assert ending.code == 1 and len(json.loads(ending.out)["differing"]) == 1


def test_results_of_other_data_are_not_compared(cli, pack, tmp_path):
    assert cli(*arguments(tmp_path, pack)).code == 0
    path = next(iter(results_of(tmp_path).values()))
    record = path.read_text()
    assert '"pack_digest": "' in record
    path.write_text(record.replace('"pack_digest": "', '"pack_digest": "0'))
    next(p for p in results_of(tmp_path).values() if p != path).unlink()
    ending = cli(*arguments(tmp_path, pack))
    assert ending.code == 3 and "of another demo than the one at hand" in ending.err


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_a_run_that_is_stopped_goes_on(pack, tmp_path, how):
    command = [sys.executable, "-m", "alexnet", *map(str, arguments(tmp_path, pack, jobs=2))]
    environment = os.environ | {"ALEXNET_CACHE": str(tmp_path / "cache")}
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "scratch").glob("*/metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.02)
    if how == "Ctrl-C":
        os.killpg(running.pid, signal.SIGINT)
    else:
        running.terminate()
    _, said = running.communicate(timeout=120)
    if running.returncode:  # it may have been done before the signal came
        assert running.returncode == 75, said
        assert "the same command goes on" in said and "Traceback" not in said
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    assert len(results_of(tmp_path)) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("run",), "no experiment is named"),
        (("run", "dropuot"), "did you mean 'dropout'"),
        (("run", "dropout", "--budget", "lap"), "'lap' is not a budget"),
        (("run", "cifar-normalization", "--budget", "gpu"), "has no budget 'gpu'"),
        (("run", "dropout", "--data", "mnist=x"), "no network needs the data 'mnist'"),
        (("run", "pretraining", "--data", "x"), "does not say which data it is"),
        (("run", "dropout", "--data", "cifar10=/nowhere"), "/nowhere"),
        (("rerun", "/nowhere"), "is no result"),
    ],
)
def test_mistakes_are_one_line(cli, tmp_path, monkeypatch, given, said):
    monkeypatch.chdir(tmp_path)
    ending = cli("experiment", *given)
    assert ending.code in (2, 3)
    assert ending.err.count("\n") == 1 and said in ending.err, ending.err
