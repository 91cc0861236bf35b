"""Lines of metrics: what they say, how they are cut back, and what a full disk does to them."""

import json
import subprocess
import sys
import textwrap

import pytest
import tiny_run
from metric_lines import VALIDATION, epoch, opened, step

from alexnet.core.errors import StorageError
from alexnet.training.fit import Validation
from alexnet.training.hooks import metrics_log
from alexnet.training.hooks.metrics_log import read_metrics
from alexnet.training.state import TrainState


@pytest.fixture(autouse=True)
def no_tensorboard(monkeypatch):
    monkeypatch.setattr(metrics_log, "_tensorboard", lambda folder, step: None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_a_line_is_written_every_so_many_steps(path):
    state = TrainState(batches_per_epoch=5)
    log = opened(path, state)
    for loss in (1.0, 2.0, 3.0, 5.0, 7.0):
        step(log, state, loss)
    first, second = read_metrics(path)
    assert first == {
        "kind": "train", "step": 2, "epoch": 0.4, "images_seen": 16, "loss": 1.5, "top1_error": 0.375,
        "top5_error": 0.125, "lr": 0.05, "images_per_second": 16.0,
    }  # fmt: skip
    assert (second["step"], second["loss"]) == (4, 4.0)
    epoch(log, state, VALIDATION)
    rest, validation = read_metrics(path)[2:]
    assert (rest["kind"], rest["step"], rest["epoch"], rest["loss"]) == ("train", 5, 1.0, 7.0)
    assert validation == {
        "kind": "validation", "step": 5, "epoch": 1.0, "split": "val", "loss": 1.5, "top1_error": 0.25,
        "top5_error": 0.0, "count": 36, "best": False,
    }  # fmt: skip
    log.close()


def test_only_the_selecting_validation_can_be_the_best(path):
    state = TrainState()
    log = opened(path, state)
    other = Validation(**vars(VALIDATION) | {"split": "test", "selects": False})
    epoch(log, state, other, VALIDATION, improved=True)
    assert [(line["split"], line["best"]) for line in read_metrics(path)] == [("test", False), ("val", True)]
    log.close()


def test_the_state_knows_the_length_of_the_file(path):
    state = TrainState(batches_per_epoch=4)
    log = opened(path, state)
    for _ in range(4):
        step(log, state)
        assert state.metrics_bytes == path.stat().st_size
    epoch(log, state, VALIDATION)
    assert state.metrics_bytes == path.stat().st_size > 0
    log.close()


def test_lines_after_the_resumed_place_are_removed(path):
    state = TrainState(batches_per_epoch=8)
    log = opened(path, state)
    for _ in range(4):
        step(log, state)
    kept, place = path.read_bytes(), TrainState.from_json(state.to_json())
    for _ in range(4):
        step(log, state, loss=9.0)
    log.close()
    log = opened(path, place)
    assert path.read_bytes() == kept
    for _ in range(2):
        step(log, place, loss=4.0)
    log.close()
    assert [line["loss"] for line in read_metrics(path)] == [2.0, 2.0, 4.0]


def test_a_window_that_a_stop_cut_in_two_is_one_line(path):
    """The sums travel with the state: the line after a resume covers the steps before the stop."""
    state = TrainState(batches_per_epoch=8)
    log = opened(path, state)
    step(log, state, loss=1.0)
    log.close()
    place = TrainState.from_json(json.loads(json.dumps(state.to_json())))
    log = opened(path, place)
    step(log, place, loss=3.0)
    log.close()
    (line,) = read_metrics(path)
    assert (line["loss"], line["images_seen"]) == (2.0, 16)


@pytest.mark.parametrize("left", [0, 1, 40])
def test_a_file_that_lost_its_end_goes_on_after_its_last_whole_line(path, left):
    """A power cut can leave a checkpoint that knows of more bytes than reached the disk."""
    state = TrainState(batches_per_epoch=8)
    log = opened(path, state)
    for _ in range(4):
        step(log, state)
    log.close()
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[: first + left])
    log = opened(path, state)
    for _ in range(2):
        step(log, state, loss=4.0)
    log.close()
    assert b"\0" not in path.read_bytes()
    assert [line["loss"] for line in read_metrics(path)] == [2.0, 4.0]
    assert state.metrics_bytes == path.stat().st_size


def test_a_file_that_is_gone_begins_again(path):
    state = TrainState(batches_per_epoch=8, metrics_bytes=500)
    log = opened(path, state)
    for _ in range(2):
        step(log, state)
    log.close()
    assert len(read_metrics(path)) == 1 and path.read_bytes().startswith(b"{")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(StorageError, match="the folder does not exist"):
        opened(tmp_path / "missing" / "metrics.jsonl", TrainState())


# --- a full disk


FULL_DISK = """
    import json, resource, signal, sys
    from alexnet.optim.schedule import Rates
    from alexnet.training.fit import StepTimes
    from alexnet.training.hooks import metrics_log
    from alexnet.training.state import TrainState
    from alexnet.training.step import StepResult
    from pathlib import Path

    metrics_log._tensorboard = lambda folder, step: None
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path, said, state = Path(sys.argv[1]), [], TrainState(batches_per_epoch=1000)
    log = metrics_log.MetricsLog(path, state, 1, 0.1, said.append)
    places = []

    def step():
        result = StepResult(2.0, 3, 1, 8)
        state.advance(result)
        log.after_step(state, result, Rates(1.0, 1.0), StepTimes(0.1, 0.1, 0.1))
        places.append((state.metrics_bytes, path.stat().st_size))

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    for _ in range(3):
        step()
    limit(int(sys.argv[2]) + places[-1][0])
    for _ in range(3):
        step()
    if sys.argv[3] == "freed":
        limit(resource.RLIM_INFINITY)
        for _ in range(2):
            step()
    log.close()
    print(json.dumps({"said": said, "lost": log.lost, "places": places}))
"""


def on_a_full_disk(path, room, then):
    if sys.platform == "win32":
        pytest.skip("Windows has no limit on a process's file sizes to stand in for a full disk")
    command = [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(path), str(room), then]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("room", [0, 50])
@pytest.mark.parametrize(("then", "steps"), [("full", [1, 2, 3]), ("freed", [1, 2, 3, 7, 8])])
def test_a_full_disk_costs_lines_and_never_the_run(path, room, then, steps):
    seen = on_a_full_disk(path, room, then)
    assert [line["step"] for line in read_metrics(path)] == steps
    assert seen["lost"] == 3 and len(seen["said"]) == 2
    assert seen["said"][0].startswith(f"metrics: {path}: ")
    assert seen["said"][0].endswith("training goes on without them")
    assert seen["said"][1] == f"3 lines of metrics could not be written to {path}"
    assert all(known == size for known, size in seen["places"])
    assert path.read_bytes().count(b"\n") == len(steps)


# --- reading


def test_a_last_line_that_was_cut_off_is_left_out(path):
    path.write_text('{"step": 1}\n{"step": 2}\n{"st', encoding="utf-8")
    assert read_metrics(path) == [{"step": 1}, {"step": 2}]


def test_a_damaged_line_costs_itself_only(path):
    path.write_bytes(b'{"step": 1}\n\0\0\xff\xfe\n{"step": 3}\n')
    assert read_metrics(path) == [{"step": 1}, {"step": 3}]


def test_a_file_that_is_missing_has_no_lines(path):
    assert read_metrics(path) == []


def test_the_loop_writes_its_metrics(path):
    state = TrainState()
    log = opened(path, state)
    _, _, recorder = tiny_run.train(log, state=state)
    log.close()
    lines = read_metrics(path)
    assert [(line["kind"], line["step"]) for line in lines] == [
        ("train", 2), ("train", 4), ("train", 5), ("validation", 5),
        ("train", 6), ("train", 8), ("train", 10), ("validation", 10),
    ]  # fmt: skip
    weighted = sum(r.loss * r.count for r in recorder.results[:2]) / 16
    assert lines[0]["loss"] == pytest.approx(weighted)
    assert next(line["best"] for line in lines if line["kind"] == "validation") is True
