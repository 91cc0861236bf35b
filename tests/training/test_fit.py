"""The loop: it learns, tells its hooks, obeys its schedule, and stops at numbers that are none."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import tiny_run
import torch

from alexnet.core.errors import DivergedError
from alexnet.optim.schedule import Constant, Cosine, Plateau
from alexnet.training.fit import Validation, require_finite
from alexnet.training.state import TrainState


def test_the_loss_and_the_error_fall():
    _, _, recorder = tiny_run.train(config=tiny_run.plain(epochs=20), schedule=Constant(), lr=0.005)
    first, last = np.mean(recorder.losses[:5]), np.mean(recorder.losses[-5:])
    assert last < 0.5 * first
    errors = [found[0].top1_error for _, _, found, _ in recorder.epochs]
    assert errors[0] > 0.2 and errors[-1] < 0.1


def test_every_image_is_seen_once_an_epoch():
    _, state, recorder = tiny_run.train()
    assert (state.step, state.epoch, state.batch, state.images_seen) == (10, 2, 0, 72)
    assert [r.count for r in recorder.results] == [8, 8, 8, 8, 4] * 2
    assert recorder.steps == [(1 + n, n // 5, 1 + n % 5) for n in range(10)]


def test_hooks_are_called_in_order_after_each_step_and_epoch():
    called = []

    class Hook:
        def __init__(self, name):
            self.name = name

        def after_step(self, state, result, rates, times):
            called.append((self.name, "step", state.step))

        def after_epoch(self, state, found, improved):
            called.append((self.name, "epoch", state.epoch))

    tiny_run.train(Hook("a"), Hook("b"), config=tiny_run.plain(epochs=1))
    steps = [(name, "step", n) for n in range(1, 6) for name in "ab"]
    assert called == [*steps, ("a", "epoch", 1), ("b", "epoch", 1)]


def test_rates_are_those_of_the_schedule_at_each_step():
    made, _, recorder = tiny_run.train(schedule=Cosine(warmup_epochs=0.4), lr=0.02)
    expected = [Cosine(warmup_epochs=0.4).rates(n / 5, 2, []).scale for n in range(10)]
    assert [r.scale for r in recorder.rates] == pytest.approx(expected)
    assert {g["lr"] for g in made.optimizer.param_groups if not g["is_bias"]} == {0.02 * expected[-1]}


def test_a_frozen_layer_stands_still():
    seen = []

    class Watch:
        def after_step(self, state, result, rates, times):
            seen.append(made[0].net.conv1.weight.detach().clone() if made else None)

        def after_epoch(self, state, found, improved):
            pass

    made = [tiny_run.learner()]
    tiny_run.fit(made[0], tiny_run.feed(), TrainState(), [Watch()], lambda: [])
    assert all(torch.equal(w, seen[4]) for w in seen[5:])
    assert not torch.equal(seen[0], seen[4])


def test_the_color_noise_ends_with_the_stage_that_ends_it():
    noisy, quiet = tiny_run.feed(), tiny_run.feed(view=tiny_run.NO_NOISE)
    asked = []

    class Feed:
        def __len__(self):
            return len(noisy)

        def batches(self, epoch, start, *, color_noise):
            asked.append(color_noise)
            return (noisy if color_noise else quiet).batches(epoch, start)

    made, _, _ = tiny_run.train()
    other = tiny_run.learner()
    tiny_run.fit(other, Feed(), TrainState(), [], lambda: [])
    assert asked == [True, False] and tiny_run.same_bits(made, other)


def test_a_schedule_that_is_finished_ends_the_run():
    stuck = Validation(loss=1.0, top1_error=0.5, top5_error=0.0, count=1, split="val", selects=True)
    schedule = Plateau(patience=1, max_drops=1)
    _, state, recorder = tiny_run.train(
        config=tiny_run.plain(epochs=50), schedule=schedule, validate=lambda net: [stuck]
    )
    assert state.epoch == 3 and state.errors == [0.5] * 3
    assert [r.scale for r in recorder.rates[::5]] == pytest.approx([1, 1, 0.1])


def test_only_the_selecting_validation_is_looked_at():
    test_set = Validation(loss=1.0, top1_error=0.1, top5_error=0.0, count=1, split="val", selects=False)
    held_out = replace(test_set, top1_error=0.4, split="holdout", selects=True)
    _, state, recorder = tiny_run.train(validate=lambda net: [test_set, held_out])
    assert state.errors == [0.4, 0.4] and (state.best_error, state.best_step) == (0.4, 5)
    assert [improved for *_, improved in recorder.epochs] == [True, False]
    _, state, _ = tiny_run.train(validate=lambda net: [test_set])
    assert state.errors == [] and state.best_step is None


def test_a_run_that_is_over_does_nothing():
    state = TrainState(epoch=2, step=10)
    made, _, recorder = tiny_run.train(state=state)
    assert recorder.losses == [] and tiny_run.same_bits(made, tiny_run.learner())


def test_a_validation_in_evaluation_mode_does_not_leave_training_there():
    modes = []

    class Watch:
        def after_step(self, state, result, rates, times):
            modes.append(made.net.training)

        def after_epoch(self, state, found, improved):
            pass

    made = tiny_run.learner()

    def validate():
        made.net.eval()
        return []

    tiny_run.fit(made, tiny_run.feed(), TrainState(), [Watch()], validate)
    assert modes == [True] * 10


def test_time_is_added_up():
    _, state, recorder = tiny_run.train()
    spent = sum(t.data + t.copy + t.compute for t in recorder.times)
    assert all(min(t.data, t.copy, t.compute) >= 0 for t in recorder.times)
    assert state.seconds >= spent * 0.999 > 0


# --- numbers that are none


@pytest.fixture
def poisoned():
    """Pictures whose third batch makes the loss overflow."""
    made = tiny_run.learner()
    order = tiny_run.feed().order(0)

    class Poison:
        def after_step(self, state, result, rates, times):
            if state.step == 2:
                self.weights = tiny_run.weights(made)
                with torch.no_grad():
                    made.net.fc4.bias[0] = float("inf")

        def after_epoch(self, state, found, improved):
            raise AssertionError

    return made, order, Poison()


def test_a_loss_that_is_not_finite_ends_the_run_with_what_to_do(poisoned):
    made, _, poison = poisoned
    state, recorder = TrainState(), tiny_run.Recorder()
    with pytest.raises(DivergedError) as caught:
        tiny_run.fit(made, tiny_run.feed(), state, [recorder, poison], lambda: [])
    line = str(caught.value)
    assert line.startswith("the loss is nan at step 2 (epoch 0); weights of fc4.bias are not finite")
    assert "--set optim.lr=0.0033" in line and "\n" not in line
    assert caught.value.exit_code == 4
    assert (state.step, state.batch, len(recorder.losses)) == (2, 2, 2)
    for name, weight in tiny_run.weights(made).items():
        if name != "fc4.bias":
            assert torch.equal(weight, poison.weights[name])


def test_a_rate_that_is_too_high_is_named():
    pictures = tiny_run.images()
    made = tiny_run.learner(lr=1e30, schedule=Constant())
    with pytest.raises(DivergedError, match=r"the loss is (nan|inf)"):
        tiny_run.fit(made, tiny_run.feed(pictures=pictures), TrainState(), [], lambda: [])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_weight_that_is_no_number_is_found(value, place):
    net = tiny_run.network()
    require_finite(net, 3)
    with torch.no_grad():
        net.fc3.weight.view(-1)[place] = value
    with pytest.raises(DivergedError, match=r"weights of fc3.weight are not finite after step 3"):
        require_finite(net, 3)


def test_large_weights_are_numbers_although_their_sum_is_none():
    net = tiny_run.network()
    with torch.no_grad():
        net.fc3.weight.fill_(torch.finfo(torch.float32).max)
    assert net.fc3.weight.sum().isinf()
    require_finite(net, 3)


# --- the same bits


def test_threads_and_batches_ahead_change_no_bit():
    expected, _, recorder = tiny_run.train()
    for workers, prefetch in ((2, 1), (3, 4)):
        made, _, other = tiny_run.train(config=tiny_run.plain(workers=workers, prefetch=prefetch))
        assert tiny_run.same_bits(made, expected) and other.losses == recorder.losses


def test_global_generators_have_no_part_in_a_run():
    class Poison:
        def after_step(self, state, result, rates, times):
            for seed in (torch.manual_seed, np.random.seed, random.seed):
                seed(state.step % 2)

        def after_epoch(self, state, found, improved):
            torch.rand(3)

    expected, _, recorder = tiny_run.train()
    made, _, other = tiny_run.train(Poison())
    assert tiny_run.same_bits(made, expected) and other.losses == recorder.losses


def test_a_run_leaves_the_global_generators_alone():
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    tiny_run.train()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1]) and random.getstate() == states[2]


def test_another_seed_is_another_run():
    first, _, _ = tiny_run.train()
    second, _, _ = tiny_run.train(seed=1)
    assert not torch.equal(tiny_run.weights(first)["fc4.weight"], tiny_run.weights(second)["fc4.weight"])
