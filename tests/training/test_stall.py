"""The warning of a loss that never leaves ln(classes), and silence where there is nothing to warn of."""

import math

import pytest

from alexnet.training.hooks.stall import StallWarning, stall_step
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult


def watched(losses, classes=10, first_step=1):
    said = []
    hook = StallWarning(classes, "lower the rate", said.append)
    for step, loss in enumerate(losses, start=first_step):
        hook.after_step(TrainState(step=step), StepResult(loss, 9, 5, 10), None, None)
        if said:
            return step, said, hook
    return None, said, hook


def flat(classes, count=2000):
    return [math.log(classes) + 0.002 * math.sin(n) for n in range(count)]


@pytest.mark.parametrize(("classes", "step"), [(2, 150), (10, 150), (100, 300), (1000, 3000)])
def test_a_stuck_loss_is_said_at_its_deadline(classes, step):
    assert stall_step(classes) == step
    when, said, hook = watched(flat(classes, 4000), classes)
    assert when == step and hook.stalled
    assert said == [
        f"the loss has stayed at {math.log(classes):.3f} for {step} steps, that of a guess "
        f"(ln {classes} = {math.log(classes):.3f}): lower the rate"
    ]


def test_it_is_said_once():
    said = []
    hook = StallWarning(10, "advice", said.append)
    for step, loss in enumerate(flat(10), start=1):
        hook.after_step(TrainState(step=step), StepResult(loss, 9, 5, 10), None, None)
    assert len(said) == 1


def test_a_falling_loss_is_nothing_to_say():
    falling = [math.log(10) * (0.2 + 0.8 * math.exp(-n / 100)) for n in range(2000)]
    assert watched(falling)[:2] == (None, [])


def test_a_loss_that_left_just_before_the_deadline_is_nothing_to_say():
    losses = flat(10, 110) + [0.9 * math.log(10)] * 500
    assert watched(losses)[0] is None


def test_a_loss_above_chance_counts_as_stuck():
    assert watched([3.0] * 500)[0] == 150


def test_noise_about_chance_counts_as_stuck():
    assert watched([math.log(10) + (0.3 if n % 2 else -0.3) for n in range(500)])[0] == 150


@pytest.mark.parametrize("fraction", [0.98, 0.99])
def test_the_line_is_one_and_a_half_percent_below_chance(fraction):
    assert (watched([fraction * math.log(10)] * 500)[0] is not None) == (fraction > 0.985)


def test_a_resumed_run_is_judged_by_fifty_losses_of_its_own():
    assert watched(flat(10, 500), first_step=5001)[0] == 5050


def test_epochs_say_nothing():
    StallWarning(10, "advice", pytest.fail).after_epoch(TrainState(), [], False)
