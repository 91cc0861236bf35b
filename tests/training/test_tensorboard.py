"""What TensorBoard is told, and that a disk too full for it costs its events only."""

import errno

import pytest
from metric_lines import VALIDATION, epoch, opened, step

from alexnet.training.hooks import metrics_log
from alexnet.training.hooks.metrics_log import read_metrics
from alexnet.training.state import TrainState


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


class Board:
    """TensorBoard's writer, whose disk may fill up."""

    def __init__(self, room=1000):
        self.room, self.events, self.closed = room, [], False

    def add_scalar(self, tag, value, step):
        if len(self.events) >= self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.events.append((tag, value, step))

    def close(self):
        self.closed = True
        self.add_scalar("last", 0, 0)


def test_tensorboard_sees_what_the_file_holds(path, monkeypatch):
    board, state = Board(), TrainState(batches_per_epoch=2)
    monkeypatch.setattr(metrics_log, "_tensorboard", lambda folder, step: board)
    log = opened(path, state)
    for _ in range(2):
        step(log, state)
    epoch(log, state, VALIDATION)
    log.close()
    train, validation = read_metrics(path)
    names = ("loss", "top1_error", "top5_error", "lr", "images_per_second")
    assert board.events[:5] == [(f"train/{n}", train[n], 2) for n in names]
    assert board.events[5:8] == [(f"val/{n}", validation[n], 2) for n in names[:3]]
    assert board.closed


def test_a_disk_too_full_for_tensorboard_costs_its_events_only(path, monkeypatch):
    for room in (0, 7, 15):
        board, state, said = Board(room), TrainState(batches_per_epoch=9), []
        monkeypatch.setattr(metrics_log, "_tensorboard", lambda folder, step, board=board: board)
        log = opened(path, state, said=said)
        for _ in range(6):
            step(log, state)
        log.close()
        assert len(read_metrics(path)) == 3 and log.lost == 0
        assert [line.split(": ")[0] for line in said] == (["tensorboard"] if room < 15 else [])


def test_tensorboard_writes_its_events(path):
    pytest.importorskip("tensorboard")
    state = TrainState(batches_per_epoch=2)
    log = opened(path, state)
    for _ in range(2):
        step(log, state)
    log.close()
    (events,) = (path.parent / "tensorboard").iterdir()
    content = events.read_bytes()
    assert b"train/loss" in content and b"train/images_per_second" in content
