"""Where a run stands: counts, means, the best so far, and the form in which it is stored."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.core.errors import CheckpointError
from alexnet.training.state import TrainState, Window
from alexnet.training.step import StepResult


def test_a_windows_means_weigh_steps_by_their_images():
    window = Window()
    window.add(StepResult(loss=2.0, top1_errors=4, top5_errors=2, count=8))
    window.add(StepResult(loss=5.0, top1_errors=1, top5_errors=0, count=4))
    assert window.means() == pytest.approx({"loss": 3.0, "top1_error": 5 / 12, "top5_error": 2 / 12})


def test_an_empty_window_has_means_of_zero():
    assert Window().means() == {"loss": 0.0, "top1_error": 0.0, "top5_error": 0.0}


def test_a_step_advances_every_count():
    state = TrainState(batches_per_epoch=4)
    for _ in range(3):
        state.advance(StepResult(1.0, 1, 0, 8))
    assert (state.step, state.epoch, state.batch, state.images_seen) == (3, 0, 3, 24)
    assert state.window == Window(24.0, 3, 0, 24) and state.position == 0.75


def test_an_epochs_end_is_the_next_ones_beginning():
    state = TrainState(batches_per_epoch=4, step=4, batch=4)
    before = state.position
    state.end_epoch(None)
    assert (state.epoch, state.batch, state.position) == (1, 0, before)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.integers(0, 500))
def test_the_position_is_the_epoch_with_its_fraction(place, epoch):
    batches, batch = place
    position = TrainState(epoch=epoch, batch=batch, batches_per_epoch=batches).position
    assert position == pytest.approx(epoch + batch / batches, abs=1e-6)
    assert epoch <= position <= epoch + 1


def test_the_best_is_the_first_of_the_lowest():
    state = TrainState()
    improved = []
    for step, error in enumerate([0.5, 0.6, 0.3, 0.3, 0.4], start=1):
        state.step = step
        improved.append(state.end_epoch(error))
    assert improved == [True, False, True, False, False]
    assert (state.best_error, state.best_step, state.errors) == (0.3, 3, [0.5, 0.6, 0.3, 0.3, 0.4])


def test_an_epoch_without_a_selection_error_is_no_improvement():
    state = TrainState()
    assert state.end_epoch(None) is False
    assert state.errors == [] and state.best_error is None and state.epoch == 1


def test_an_error_of_zero_can_be_the_best():
    state = TrainState()
    assert state.end_epoch(0.0) and state.best_error == 0.0 and not state.end_epoch(0.0)


COUNTS = st.integers(0, 2**40)
REALS = st.floats(allow_nan=False)


@given(
    st.builds(
        TrainState,
        step=COUNTS,
        epoch=COUNTS,
        batch=COUNTS,
        images_seen=COUNTS,
        errors=st.lists(REALS, max_size=4),
        best_error=st.none() | REALS,
        best_step=st.none() | COUNTS,
        window=st.builds(Window, REALS, COUNTS, COUNTS, COUNTS),
        metrics_bytes=COUNTS,
        seconds=REALS,
    )
)
def test_state_goes_through_json_unchanged(state):
    assert TrainState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_what_is_written_is_a_copy():
    state = TrainState(errors=[0.5])
    values = state.to_json()
    state.advance(StepResult(1.0, 1, 1, 1))
    state.end_epoch(0.25)
    assert values["errors"] == [0.5] and values["window"]["count"] == 0


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"window": None},
        {"window": {}, "unknown": 1},
        {"window": {"unknown": 1}},
        {"step": 1},
        {"window": 3},
    ],
)
def test_values_of_another_format_are_refused(values):
    with pytest.raises(CheckpointError, match=r"state.json is of another format"):
        TrainState.from_json(values)


def test_a_loss_that_is_not_a_number_shows_in_the_window():
    window = Window()
    window.add(StepResult(math.nan, 1, 1, 2))
    assert math.isnan(window.means()["loss"])
