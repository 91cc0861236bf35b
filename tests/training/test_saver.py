"""When a run is saved, how a wish to stop is obeyed, and what a full disk does."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
import tiny_run

from alexnet.core.errors import StoppedError, StorageError
from alexnet.training.config import CheckpointConfig
from alexnet.training.hooks import saver as saver_module
from alexnet.training.hooks.saver import Saver, StopRequest
from alexnet.training.state import TrainState

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send itself these signals")


class Disk:
    """Where a saver saves: notes the steps, and may be full at some of them."""

    def __init__(self, full_at=()):
        self.full_at, self.attempts, self.steps = set(full_at), 0, []

    def save(self, state):
        self.attempts += 1
        if self.attempts in self.full_at:
            raise StorageError("the disk is full", where="checkpoints", remedy="free some space")
        self.steps.append(state.step)
        return Path(f"step-{state.step}")


@pytest.fixture
def clock(monkeypatch):
    """Minutes that pass when a test says so."""

    class Clock:
        minutes = 0.0

        def monotonic(self):
            return 60 * self.minutes

    clock = Clock()
    monkeypatch.setattr(saver_module, "time", clock)
    return clock


def saver(disk, stop=None, said=None, **config):
    config = {"every_minutes": 1e9, "every_epochs": 10**9} | config
    said = said if said is not None else []
    return Saver(
        disk.save, CheckpointConfig(**config), stop or StopRequest(), said.append, "alexnet train --resume RUN"
    )


def after_steps(hook, count, state=None):
    state = state or TrainState(batches_per_epoch=100)
    for _ in range(count):
        state.step += 1
        hook.after_step(state, None, None, None)
    return state


def after_epoch(hook, state, improved=False):
    state.epoch += 1
    hook.after_epoch(state, [], improved)


# --- the cadence


def test_steps_are_counted_from_the_start_of_the_run():
    disk = Disk()
    hook = saver(disk, every_steps=3)
    after_steps(hook, 7)
    assert disk.steps == [3, 6]
    after_steps(saver(disk, every_steps=3), 2, TrainState(step=7))
    assert disk.steps == [3, 6, 9]


def test_minutes_are_counted_from_the_last_save(clock):
    disk = Disk()
    hook, state = saver(disk, every_minutes=10, every_steps=4), TrainState(step=100)
    for minutes, expected in [
        (9.9, []),
        (10.1, [102]),
        (15, [102]),
        (15.5, [102, 104]),
        (20.2, [102, 104]),
        (26, [102, 104, 106]),
    ]:
        clock.minutes = minutes
        after_steps(hook, 1, state)
        assert disk.steps == expected, minutes


def test_epochs_have_their_own_cadence():
    disk, state = Disk(), TrainState(batches_per_epoch=1)
    hook = saver(disk, every_epochs=2)
    for _ in range(5):
        state.step += 10
        after_epoch(hook, state)
    assert disk.steps == [20, 40]


def test_the_best_is_saved_whatever_the_cadence():
    disk, state = Disk(), TrainState(step=7)
    hook = saver(disk)
    after_epoch(hook, state, improved=True)
    assert disk.steps == [7]


def test_by_default_every_epoch_is_saved():
    disk, state = Disk(), TrainState(step=7)
    hook = Saver(disk.save, CheckpointConfig(), StopRequest(), print, "resume")
    after_steps(hook, 50, state)
    after_epoch(hook, state)
    assert disk.steps == [57]


# --- a full disk


def test_a_save_that_fails_is_said_and_tried_again():
    disk, said = Disk(full_at={1, 2, 4, 5}), []
    after_steps(saver(disk, said=said, every_steps=1), 6)
    assert disk.steps == [3, 6]
    line = "checkpoint not saved: checkpoints: the disk is full; free some space; "
    assert said == [line + "training goes on, 3 failures in a row end it"] * 4


def test_three_failed_saves_in_a_row_end_the_run():
    disk = Disk(full_at={2, 3, 4})
    with pytest.raises(StorageError, match="the disk is full"):
        after_steps(saver(disk, every_steps=1), 6)
    assert disk.steps == [1] and disk.attempts == 4


def test_failed_saves_of_epochs_and_steps_count_together():
    disk, state = Disk(full_at={1, 2, 3}), TrainState()
    hook = saver(disk, every_steps=1)
    after_steps(hook, 1, state)
    after_epoch(hook, state, improved=True)
    with pytest.raises(StorageError):
        after_steps(hook, 1, state)


# --- stopping


def test_a_wish_to_stop_saves_and_says_how_to_go_on():
    disk, stop = Disk(), StopRequest()
    hook = saver(disk, stop)
    state = after_steps(hook, 2)
    stop.signal = "SIGTERM"
    with pytest.raises(StoppedError) as caught:
        after_steps(hook, 1, state)
    assert disk.steps == [3] and caught.value.exit_code == 75
    assert (
        str(caught.value)
        == "stopped by SIGTERM at step 3, saved as step-3; go on with: alexnet train --resume RUN"
    )


def test_a_wish_to_stop_is_seen_after_an_epoch_and_within_a_validation():
    for act in (lambda hook, state: after_epoch(hook, state), lambda hook, state: hook.look(state)):
        disk, stop = Disk(), StopRequest()
        stop.signal = "SIGINT"
        with pytest.raises(StoppedError, match="stopped by SIGINT at step 9"):
            act(saver(disk, stop), TrainState(step=9))
        assert disk.steps == [9]


def test_without_a_wish_nothing_stops():
    disk = Disk()
    saver(disk).look(TrainState())
    assert disk.steps == []


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_real_signal_ends_a_real_run_after_the_step_it_arrived_in(name):
    disk = Disk()

    class Send:
        def after_step(self, state, result, rates, times):
            if state.step == 4:
                os.kill(os.getpid(), getattr(signal, name))

        def after_epoch(self, state, found, improved):
            pass

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with StopRequest() as stop, pytest.raises(StoppedError, match=f"stopped by {name} at step 4"):
        tiny_run.train(Send(), saver(disk, stop))
    assert disk.steps == [4]
    assert {number: signal.getsignal(number) for number in before} == before


@posix
def test_a_second_interrupt_leaves_at_once():
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@posix
def test_a_second_request_to_terminate_is_no_more_than_the_first():
    with StopRequest() as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == "SIGTERM"


def test_handlers_are_put_back_even_after_an_error():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), StopRequest():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_signals_are_left_to_the_main_one():
    seen = []

    def work():
        with StopRequest() as stop:
            seen.append((stop.signal, signal.getsignal(signal.SIGINT)))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


@pytest.mark.parametrize(
    "values",
    [{"keep": 0}, {"every_epochs": 0}, {"every_minutes": 0.0}, {"every_steps": 0}, {"every_minutes": -1.0}],
)
def test_an_impossible_cadence_is_refused(values):
    with pytest.raises(ValueError, match=r"must be|positive"):
        CheckpointConfig(**values)
