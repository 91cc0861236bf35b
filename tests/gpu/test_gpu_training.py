"""A run whose steps are a graph: step by step the run whose steps are not, checkpoints and interruptions included."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from alexnet.core.errors import DivergedError, StoppedError
from alexnet.core.keys import Key
from alexnet.gpu.resident import load_resident
from alexnet.nets.gpu_forward import GpuForward
from alexnet.training.config import CheckpointConfig
from alexnet.training.drawn_feed import DrawnFeed
from alexnet.training.fit import fit
from alexnet.training.graphed import GraphedStepper, Input
from alexnet.training.hooks.saver import Saver, StopRequest
from alexnet.training.state import TrainState
from training import tiny_run

pytestmark = pytest.mark.usefixtures("kernels", "stages")
ROWS = np.arange(tiny_run.COUNT)[::-1].copy()


def fast(device, *, resident=True, view=tiny_run.VIEW, dtype=torch.float32, init_seed=0, config=tiny_run.TRAIN):
    """The tiny run's learner and feed, on the fast path."""
    made = tiny_run.learner(init_seed=init_seed, config=config)
    made.net.to(device)
    pictures = tiny_run.images()
    rows = ROWS if resident else None
    feed = DrawnFeed(
        pictures, np.arange(tiny_run.COUNT), view, tiny_run.picture(pictures), Key.from_seed(0), config,
        resident_rows=rows, pinned=device.type == "cuda",
    )  # fmt: skip
    loaded = load_resident([pictures.pixels[ROWS]], len(ROWS), pictures.pixels.shape[1:], device)
    source = Input((12, 12, 3), torch.from_numpy(feed.mean).to(device), view.pad, loaded if resident else None)

    def steps():
        forward = GpuForward(made.net, made.key.derive("dropout"), dtype)
        return GraphedStepper(forward, made.optimizer, source, config.batch_size)

    return replace(made, device=device, steps=steps), feed


def train(learner, feed, *hooks, state=None, validate=None, pauses=lambda updates: False):
    recorder, state = tiny_run.Recorder(), state or TrainState()
    fit(learner, feed, state, [recorder, *hooks], validate or (lambda: []), pauses)
    return state, recorder


class Weights:
    """A hook that looks at the weights after every step."""

    def __init__(self, net):
        self.net, self.seen = net, []

    def after_step(self, state, result, rates, times):
        self.seen.append({n: p.detach().cpu().clone() for n, p in self.net.named_parameters()})

    def after_epoch(self, state, found, improved):
        pass


VIEWS = {
    "crops": tiny_run.VIEW,
    "border": replace(tiny_run.VIEW, pad=2),
    "jitter": replace(tiny_run.VIEW, brightness=0.2, mean="channel", scale=0.5),
}


@pytest.mark.parametrize(
    ("name", "resident"), [("crops", True), ("border", True), ("jitter", True), ("crops", False)]
)
def test_it_follows_the_plain_run_step_by_step(device, resident, name):
    """Two epochs with a smaller last batch, a change of the rate, a frozen layer, and noise that ends."""
    plain, watch = tiny_run.learner(), None
    watch = Weights(plain.net)
    expected = tiny_run.Recorder()
    fit(plain, tiny_run.feed(view=VIEWS[name]), TrainState(), [expected, watch], lambda: [])
    learner, feed = fast(device, resident=resident, view=VIEWS[name])
    own = Weights(learner.net)
    state, got = train(learner, feed, own, pauses=lambda updates: True)
    assert got.steps == expected.steps and state.images_seen == 2 * tiny_run.COUNT
    assert got.losses == pytest.approx(expected.losses, rel=2e-4)
    assert got.rates == expected.rates and got.losses[0] != pytest.approx(got.losses[-1], rel=0.01)
    assert [r.count for r in got.results] == [r.count for r in expected.results]
    errors = [[(r.top1_errors, r.top5_errors) for r in each.results] for each in (got, expected)]
    assert errors[0] == errors[1]
    for step, (ours, theirs) in enumerate(zip(own.seen, watch.seen, strict=True)):
        for parameter, value in theirs.items():
            scale = float(value.abs().max())
            message = f"{parameter} after step {step}"
            torch.testing.assert_close(ours[parameter], value, rtol=0, atol=1e-4 * scale, msg=message)
    for name, velocity in tiny_run.velocities(plain).items():
        scale = float(velocity.abs().max())
        ours = tiny_run.velocities(learner)[name].cpu()
        torch.testing.assert_close(ours, velocity, rtol=0, atol=1e-3 * scale, msg=name)


@pytest.mark.slow
def test_it_follows_the_plain_run_with_the_stage_kernels_too(device, real_stages):
    config, expected = tiny_run.plain(batch_size=3, epochs=1), tiny_run.Recorder()
    indices = np.arange(9)
    plain, source = tiny_run.learner(config=config), tiny_run.feed(config=config)
    learner, feed = fast(device, config=config)
    source.indices = feed.indices = indices
    fit(plain, source, TrainState(), [expected], lambda: [])
    _, got = train(learner, feed)
    assert len(got.losses) == 3 and got.losses == pytest.approx(expected.losses, rel=2e-4)
    for name, value in tiny_run.weights(plain).items():
        scale = float(value.abs().max())
        ours = tiny_run.weights(learner)[name].cpu()
        torch.testing.assert_close(ours, value, rtol=0, atol=1e-4 * scale, msg=name)


def test_views_that_turn_pictures_come_from_the_host(device):
    view = replace(tiny_run.VIEW, rotation_degrees=10.0)
    expected = tiny_run.Recorder()
    fit(tiny_run.learner(), tiny_run.feed(view=view), TrainState(), [expected], lambda: [])
    _, got = train(*fast(device, resident=False, view=view))
    assert got.losses == pytest.approx(expected.losses, rel=2e-4)


def test_bfloat16_follows_autocast(device):
    config = tiny_run.plain(precision="bfloat16")
    plain, expected = tiny_run.learner(config=config), tiny_run.Recorder()
    fit(plain, tiny_run.feed(config=config), TrainState(), [expected], lambda: [])
    learner, feed = fast(device, dtype=torch.bfloat16)
    _, got = train(learner, feed)
    assert got.losses == pytest.approx(expected.losses, rel=0.03) and got.losses != expected.losses
    assert all(p.dtype == torch.float32 and p.grad is None for p in learner.net.parameters())


def test_running_ahead_changes_nothing(device):
    runs = []
    for pauses in (lambda updates: True, lambda updates: False, lambda updates: updates % 3 == 0):
        learner, feed = fast(device)
        _, recorder = train(learner, feed, pauses=pauses)
        runs.append((recorder.losses, recorder.steps, recorder.rates, learner))
    assert runs[0][:3] == runs[1][:3] == runs[2][:3]
    assert tiny_run.same_bits(runs[0][3], runs[1][3]) and tiny_run.same_bits(runs[0][3], runs[2][3])


def checkpoint(learner, state):
    return {
        "weights": tiny_run.weights(learner),
        "velocities": tiny_run.velocities(learner),
        "state": state.to_json(),
    }


def restored(saved, learner):
    for name, parameter in learner.net.named_parameters():
        parameter.data.copy_(saved["weights"][name])
        like = torch.empty_like(parameter.data)
        learner.optimizer.state[parameter]["velocity"] = like.copy_(saved["velocities"][name])
    return TrainState.from_json(saved["state"])


def stopped(learner, feed, at, request, *, every=None):
    """Train until a signal that arrives after step `at`; return what was saved, step by step."""
    saved = {}

    class Signal:
        def after_step(self, state, result, rates, times):
            if state.step == at:
                request.signal = "SIGTERM"

        def after_epoch(self, state, found, improved):
            pass

    def save(state):
        return saved.setdefault(state.step, checkpoint(learner, state))

    config = CheckpointConfig(every_steps=every, every_epochs=1000)
    saver = Saver(save, config, request, lambda line: None, "resume")
    with pytest.raises(StoppedError):
        train(learner, feed, Signal(), saver, pauses=saver.due)
    return saved


@pytest.mark.parametrize("at", [1, 5, 7])
def test_a_stopped_run_goes_on_bit_for_bit(device, at):
    whole, feed = fast(device)
    train(whole, feed)
    learner, feed = fast(device)
    saved = stopped(learner, feed, at, StopRequest())
    step = max(saved)
    # The step behind the signal may have been begun before the signal came.
    assert step in (at, at + 1)
    again, feed = fast(device, init_seed=9)
    state = restored(saved[step], again)
    train(again, feed, state=state)
    assert tiny_run.same_bits(whole, again) and state.step == 10


def test_checkpoints_hold_the_weights_of_their_step(device):
    learner, feed = fast(device)
    seen = Weights(learner.net)
    train(learner, feed, seen, pauses=lambda updates: True)
    other, feed = fast(device)
    saved = stopped(other, feed, 9, StopRequest(), every=3)
    assert {3, 6, 9} <= set(saved)
    for step in (3, 6, 9):
        assert all(torch.equal(saved[step]["weights"][n].cpu(), w) for n, w in seen.seen[step - 1].items())


@pytest.mark.parametrize("order", ["plain first", "graphed first"])
def test_a_run_changes_between_plain_and_graphed_at_a_checkpoint(device, order):
    reference, expected = tiny_run.learner(), tiny_run.Recorder()
    fit(reference, tiny_run.feed(), TrainState(), [expected], lambda: [])
    made = [
        lambda seed: fast(device, init_seed=seed),
        lambda seed: (tiny_run.learner(init_seed=seed), tiny_run.feed()),
    ]
    before, after = made[::-1] if order == "plain first" else made
    first, feed = before(0)
    saved = stopped(first, feed, 4, StopRequest())
    second, feed = after(9)
    state, recorder = train(second, feed, state=restored(saved[max(saved)], second))
    assert recorder.losses == pytest.approx(expected.losses[max(saved) :], rel=5e-4) and state.step == 10


class Spoiled(GpuForward):
    """Gives no numbers in step 3."""

    def __call__(self, x, step, samples, *, in_blocks=False):
        return super().__call__(x, step, samples, in_blocks=in_blocks) + torch.where(step == 3, torch.nan, 0.0)


def test_a_loss_that_is_not_finite_ends_the_run_with_the_weights_before_it(device):
    """Although the next step, whose loss is finite, has been begun by then."""
    learner, feed = fast(device)
    before = Weights(learner.net)
    with pytest.raises(DivergedError, match="at step 3"):
        train(replace(learner, steps=spoiled(learner)), feed, before)
    assert len(before.seen) == 3
    train_three, other = fast(device)
    whole = Weights(train_three.net)
    train(train_three, other, whole, pauses=lambda updates: True)
    now = {n: p.detach().cpu() for n, p in learner.net.named_parameters()}
    assert all(torch.equal(now[n], w) for n, w in whole.seen[2].items())


def spoiled(learner):
    def steps():
        stepper = learner.stepper()
        stepper.forward.__class__ = Spoiled
        return stepper

    return steps


def test_the_last_steps_gradients_can_be_seen(device):
    """Of a smaller batch too; on the network's leaves none stay."""
    learner, feed = fast(device)
    stepper = learner.stepper()
    learner.net.train()
    for step, batch in enumerate(feed.batches(0)):
        before = tiny_run.weights(learner)
        stepper.begin(stepper.bring(batch), step).result()
        found = [g.float().cpu() for g in stepper.gradients()]
        changed = [w.cpu() for n, w in tiny_run.weights(learner).items() if not torch.equal(w, before[n])]
        assert [g.shape for g in found] == [w.shape for w in changed] and all(g.abs().max() > 0 for g in found)
        assert all(p.grad is None for p in learner.net.parameters())
    stepper.close()
    assert list(stepper.gradients()) == []


def test_a_stepper_that_is_closed_is_freed_at_once(device):
    """Its graph holds gigabytes: they must not wait for the collector of cycles."""
    learner, feed = fast(device)
    stepper = learner.stepper()
    learner.net.train()
    stepper.begin(stepper.bring(next(feed.batches(0))), 0).result()
    stepper.close()
    gone = weakref.ref(stepper)
    gc.disable()
    try:
        del stepper
        assert gone() is None
    finally:
        gc.enable()


def test_steppers_leave_the_network_as_it_was(device):
    learner, _ = fast(device)
    learner.stepper().close()
    x = torch.randn(2, 3, 8, 8, device=device).contiguous(memory_format=torch.channels_last)
    before = tiny_run.weights(learner)
    learner.net(x).sum().backward()
    assert all(torch.equal(w, before[n]) for n, w in tiny_run.weights(learner).items())
