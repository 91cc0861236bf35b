"""A run that is stopped anywhere and continued is the run that was never stopped, bit for bit."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_run
import torch

from alexnet.core.errors import StoppedError
from alexnet.optim.schedule import Plateau
from alexnet.parallel.layout import Layout
from alexnet.runs.folder import RunFolder
from alexnet.runs.tensors import give_start, held
from alexnet.runs.train import restore
from alexnet.training.config import CheckpointConfig
from alexnet.training.hooks.metrics_log import MetricsLog, read_metrics
from alexnet.training.hooks.saver import Saver, StopRequest
from alexnet.training.state import TrainState

STEPS = 10
SCHEDULES = {"stages": tiny_run.STAGES, "plateau": Plateau(patience=1, factor=0.5)}


def stop_after(step):
    """A signal that arrives while step `step` is computed."""

    class Stop:
        def after_step(self, state, result, rates, times):
            if state.step == step:
                request.signal = "SIGTERM"

        def after_epoch(self, state, found, improved):
            pass

    request = StopRequest()
    return request, Stop()


def parts_of(learner):
    """What `restore` reads of a run's parts; its beginning is the network of seed 0."""
    return SimpleNamespace(learner=learner, layout=Layout(), beginning=lambda: held(tiny_run.learner()))


def run(path, *, until=None, in_validation=False, schedule="stages", init_seed=0, every_steps=None, **config):
    """Run, or go on with, a run in a folder; returns its learner, state and lines of metrics."""
    made = tiny_run.learner(schedule=SCHEDULES[schedule], init_seed=init_seed)
    folder = RunFolder(path)
    folder.path.mkdir(exist_ok=True)
    state = give_start(made, restore(parts_of(made), folder, lambda line: None), Layout())
    request, stop = stop_after(None if in_validation else until)

    def save(place):
        return folder.checkpoints.save(
            place.step,
            model=made.net.state_dict(),
            velocity=tiny_run.velocities(made),
            state=place.to_json(),
            config={},
        )

    if not folder.checkpoints.steps():
        save(state)
    log = MetricsLog(folder.metrics, state, 2, 0.01, lambda line: None)
    checkpoints = CheckpointConfig(every_steps=every_steps, every_epochs=1000)
    saver = Saver(save, checkpoints, request, lambda line: None, "resume")

    def validate():
        found = tiny_run.validations(made.net)
        if in_validation and state.step == until:
            request.signal = "SIGTERM"
            saver.look(state)
        return found

    source = tiny_run.feed(config=tiny_run.plain(**config))
    try:
        tiny_run.fit(made, source, state, [log, stop, saver], validate)
    finally:
        log.close()
    return made, state, read_metrics(folder.metrics)


def place(state):
    values = json.loads(json.dumps(state.to_json()))
    del values["seconds"], values["metrics_bytes"]
    return values


def lines(metrics):
    return [{k: v for k, v in line.items() if k != "images_per_second"} for line in metrics]


@pytest.fixture(scope="module", params=sorted(SCHEDULES))
def uninterrupted(request, tmp_path_factory):
    torch.set_num_threads(1)
    return request.param, run(tmp_path_factory.mktemp("whole") / "run", schedule=request.param)


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_stopping_after_any_step_and_going_on_gives_the_same_run(step, uninterrupted, tmp_path):
    schedule, (expected, expected_state, expected_metrics) = uninterrupted
    with pytest.raises(StoppedError, match=f"stopped by SIGTERM at step {step}"):
        run(tmp_path / "run", until=step, schedule=schedule)
    torch.manual_seed(step)
    np.random.seed(step)
    made, state, metrics = run(tmp_path / "run", schedule=schedule, init_seed=99, workers=2, prefetch=3)
    assert tiny_run.same_bits(made, expected)
    assert place(state) == place(expected_state)
    assert lines(metrics) == lines(expected_metrics)


@pytest.mark.parametrize("step", [5, 10])
def test_stopping_in_a_validation_and_going_on_gives_the_same_run(step, uninterrupted, tmp_path):
    schedule, (expected, expected_state, expected_metrics) = uninterrupted
    with pytest.raises(StoppedError):
        run(tmp_path / "run", until=step, in_validation=True, schedule=schedule)
    made, state, metrics = run(tmp_path / "run", schedule=schedule, init_seed=99)
    assert tiny_run.same_bits(made, expected)
    assert place(state) == place(expected_state) and lines(metrics) == lines(expected_metrics)


def test_going_on_after_every_single_step_gives_the_same_run(uninterrupted, tmp_path):
    schedule, (expected, expected_state, expected_metrics) = uninterrupted
    for step in range(1, STEPS + 1):
        with pytest.raises(StoppedError):
            run(tmp_path / "run", until=step, schedule=schedule, init_seed=step - 1)
    made, state, metrics = run(tmp_path / "run", schedule=schedule, init_seed=99)
    assert tiny_run.same_bits(made, expected)
    assert place(state) == place(expected_state) and lines(metrics) == lines(expected_metrics)


class Killed(BaseException):
    """The process ends without a chance to save."""


@pytest.mark.parametrize("step", [1, 4, 5, 8])
def test_a_kill_costs_the_steps_since_the_last_checkpoint_and_nothing_else(
    step, uninterrupted, tmp_path, monkeypatch
):
    schedule, (expected, expected_state, expected_metrics) = uninterrupted
    original = Saver.after_step

    def killed(self, state, result, rates, times):
        original(self, state, result, rates, times)
        if state.step == step:
            raise Killed

    monkeypatch.setattr(Saver, "after_step", killed)
    with pytest.raises(Killed):
        run(tmp_path / "run", schedule=schedule, every_steps=3)
    monkeypatch.undo()
    made, state, metrics = run(tmp_path / "run", schedule=schedule, init_seed=99, every_steps=3)
    assert tiny_run.same_bits(made, expected)
    assert place(state) == place(expected_state) and lines(metrics) == lines(expected_metrics)


def test_a_damaged_newest_checkpoint_costs_its_steps_only(uninterrupted, tmp_path):
    schedule, (expected, _, expected_metrics) = uninterrupted
    for step in (3, 7):
        with pytest.raises(StoppedError):
            run(tmp_path / "run", until=step, schedule=schedule)
    newest = RunFolder(tmp_path / "run").checkpoints.path(7) / "model.safetensors"
    newest.write_bytes(newest.read_bytes()[:-4])
    made, _, metrics = run(tmp_path / "run", schedule=schedule, init_seed=99)
    assert tiny_run.same_bits(made, expected) and lines(metrics) == lines(expected_metrics)


def test_a_run_without_a_checkpoint_starts_at_its_beginning(tmp_path):
    made = tiny_run.learner(init_seed=1)
    start = restore(parts_of(made), RunFolder(tmp_path), lambda line: None)
    assert give_start(made, start, Layout()) == TrainState()
    assert tiny_run.same_bits(made, tiny_run.learner())
