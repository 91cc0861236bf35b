"""What the person who watches is shown: running means, and what holds the run back."""

from dataclasses import replace

import pytest

from alexnet.optim.schedule import Rates
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.hooks.display import Display
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult

VALIDATION = Validation(loss=1.2345, top1_error=0.25, top5_error=0.05, count=36, split="val", selects=True)


class Bar:
    def __init__(self):
        self.advanced, self.fields, self.said = [], {}, []

    def advance(self, amount, **fields):
        self.advanced.append(amount)
        self.fields = fields

    def say(self, line):
        self.said.append(line)


@pytest.fixture
def shown():
    bar, drawn = Bar(), []
    return bar, drawn, Display(bar, 0.1, lambda: drawn.append(len(bar.said)))


def step(display, loss=2.0, errors=4, count=8, scale=0.5, times=(0.0, 0.0, 1.0), epoch=0):
    display.after_step(
        TrainState(epoch=epoch), StepResult(loss, errors, 0, count), Rates(scale, 1.0), StepTimes(*times)
    )


def test_means_weigh_steps_by_their_images(shown):
    bar, _, display = shown
    step(display, loss=1.0, errors=8, count=8)
    step(display, loss=4.0, errors=0, count=4, epoch=2)
    assert bar.advanced == [8, 4]
    assert bar.fields["loss"] == "2.000" and bar.fields["top1"] == "66.7 %"
    assert bar.fields["epoch"] == "3" and bar.fields["lr"] == "0.05"


def test_means_are_of_the_last_fifty_steps(shown):
    bar, _, display = shown
    for loss in [100.0] * 30 + [1.0] * 50:
        step(display, loss=loss)
    assert bar.fields["loss"] == "1.000"


def test_an_epochs_line_tells_every_split(shown):
    bar, drawn, display = shown
    step(display)
    display.after_epoch(TrainState(epoch=3), [VALIDATION, replace(VALIDATION, split="holdout")], True)
    (line,) = bar.said
    assert line.startswith(
        "epoch 3: val top-1 error 25.0 %, top-5 5.0 %, loss 1.234; holdout top-1 error 25.0 %, top-5 5.0 %, "
    )
    assert ", best so far (held back by computing, 100% of the time; data 0%)" in line
    assert drawn == [1]


def test_an_epoch_without_held_out_images_says_so(shown):
    bar, _, display = shown
    step(display)
    display.after_epoch(TrainState(epoch=1), [], False)
    assert bar.said[0].startswith("epoch 1: no held-out images (")


@pytest.mark.parametrize(
    ("times", "waiting", "verdict"),
    [
        ((0.1, 0.1, 0.8), "data 10%", "held back by computing, 80% of the time; data 10%"),
        ((0.6, 0.1, 0.3), "data 60%", "held back by data, 60% of the time; raise train.workers"),
        ((0.1, 0.5, 0.4), "copying 50%", "held back by copying to the device, 50% of the time"),
        ((0.0, 0.0, 0.0), "data 0%", "held back by computing, 0% of the time"),
    ],
)
def test_what_holds_the_run_back_is_named(shown, times, waiting, verdict):
    bar, _, display = shown
    step(display, times=times)
    assert bar.fields["waits_for"] == waiting
    assert display.bottleneck().startswith(verdict)
