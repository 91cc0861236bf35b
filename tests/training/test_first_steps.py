"""What a step costs: measured on the run's own first ones, told once, and nothing is changed by it."""

import pytest
import tiny_run

from alexnet.optim.schedule import Rates
from alexnet.training.fit import StepTimes
from alexnet.training.hooks.first_steps import FirstSteps
from alexnet.training.probe import StepMeter, measure_steps, peak_memory
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult


def steps_until_enough(seconds):
    meter, count = StepMeter(), 1
    while not meter.add(seconds):
        count += 1
    return count, meter.cost()


@pytest.mark.parametrize(
    ("seconds", "expected"), [(5.0, 4 + 8), (0.25, 4 + 12), (0.001, 4 + 100)], ids=["slow", "usual", "quick"]
)
def test_eight_steps_and_three_seconds_or_a_hundred_steps_are_enough(seconds, expected):
    count, cost = steps_until_enough(seconds)
    assert (count, cost.steps_measured) == (expected, expected - 4)
    assert cost.seconds == seconds


def test_the_first_four_steps_are_left_out_and_the_others_median_counts():
    meter = StepMeter()
    enough = [meter.add(seconds) for seconds in (90, 80, 70, 60, 1, 1, 1, 2, 2, 3, 3, 50)]
    assert enough == [False] * 11 + [True]
    assert (meter.cost().seconds, meter.cost().steps_measured) == (2, 8)


def test_a_run_without_other_steps_has_the_last_of_the_first_four():
    meter = StepMeter()
    assert meter.cost() is None
    for seconds in (9, 8, 7):
        assert not meter.add(seconds)
    assert (meter.cost().seconds, meter.cost().steps_measured) == (7, 1)


# --- the hook


@pytest.fixture
def watched():
    told = []
    return told, FirstSteps(told.append)


def step(hook, data=0.25, copy=0.25, compute=0.5):
    hook.after_step(TrainState(), StepResult(1.0, 0, 0, 8), Rates(1.0, 1.0), StepTimes(data, copy, compute))


def test_the_cost_is_told_once_as_soon_as_it_is_known(watched):
    told, hook = watched
    for _ in range(11):
        step(hook)
    assert not told
    for _ in range(200):
        step(hook, compute=9.0)
    hook.after_epoch(TrainState(), [], False)
    (cost,) = told
    assert (cost.seconds, cost.steps_measured) == (1.0, 8)


def test_a_short_epochs_cost_is_told_at_its_end(watched):
    told, hook = watched
    step(hook)
    step(hook, compute=0.125)
    hook.after_epoch(TrainState(), [], False)
    hook.after_epoch(TrainState(), [], False)
    (cost,) = told
    assert cost.seconds == 0.625


def test_an_epoch_resumed_behind_its_last_step_tells_nothing(watched):
    told, hook = watched
    hook.after_epoch(TrainState(), [], False)
    assert not told
    step(hook)
    hook.after_epoch(TrainState(), [], False)
    assert len(told) == 1


def test_measuring_changes_nothing_of_the_run(watched):
    told, hook = watched
    made, state, _ = tiny_run.train(hook)
    plain, _, _ = tiny_run.train()
    assert tiny_run.same_bits(made, plain)
    (cost,) = told
    assert cost.steps_measured == state.batches_per_epoch - 4 == 1
    assert cost.seconds > 0


# --- steps that no run goes on from


def test_steps_are_measured_on_the_runs_own_data():
    made = tiny_run.learner()
    before = tiny_run.weights(made)
    cost = measure_steps(made, tiny_run.feed())
    assert cost.seconds > 0 and cost.steps_measured == 1
    assert any((w != before[n]).any() for n, w in tiny_run.weights(made).items())


def test_an_epoch_of_one_step_still_has_a_measure():
    made = tiny_run.learner()
    cost = measure_steps(made, tiny_run.feed(config=tiny_run.plain(batch_size=36)))
    assert cost.seconds > 0 and cost.steps_measured == 1


def test_memory_is_counted_in_bytes():
    peak = peak_memory()
    assert peak is None or 50_000_000 < peak < 10**12
