"""A run from its first second to its last, or from any checkpoint on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from alexnet.checkpoint.store import MODEL, STATE, VELOCITY, read_json, read_tensors
from alexnet.config.load import to_table
from alexnet.core.errors import AlexNetError, CheckpointError, StorageError
from alexnet.core.lock import FolderLock
from alexnet.core.terminal import Progress
from alexnet.data.pack.read import Pack
from alexnet.optim.sgd import SGD
from alexnet.parallel.ranks import Ranks
from alexnet.runs import environment
from alexnet.runs.assemble import Parts, assemble
from alexnet.runs.estimate import estimate, known_before
from alexnet.runs.folder import RunFolder
from alexnet.runs.launch import launch
from alexnet.runs.pictures import RunPictures
from alexnet.runs.recipe import Recipe, load_recipe
from alexnet.runs.sharing import give_start, other_processes
from alexnet.training.fit import Validation, fit, require_finite
from alexnet.training.hooks.display import Display
from alexnet.training.hooks.first_steps import FirstSteps
from alexnet.training.hooks.metrics_log import MetricsLog, read_metrics
from alexnet.training.hooks.saver import Saver, StopRequest
from alexnet.training.hooks.stall import StallWarning
from alexnet.training.probe import StepCost
from alexnet.training.state import TrainState

FORMAT = 1


@dataclass(frozen=True)
class RunResult:
    """What a finished run left."""

    folder: Path
    steps: int
    epochs: int
    seconds: float
    """Training and validating, of all parts of the run."""
    validations: list[dict[str, Any]]
    """The last epoch's."""
    stalled: bool


def start(
    recipe: Recipe, pack: Pack, output_dir: Path, device: torch.device, ranks: Ranks | None = None
) -> RunResult:
    """Train a new run into `output_dir`.

    Args:
        ranks: The processes that share the run, of which this is the first; by default it is alone.

    Raises:
        AlexNetError: one of its kinds, each with its exit code.
    """
    folder = RunFolder(output_dir)
    folder.make()
    with FolderLock(folder.path):
        parts = assemble(recipe, pack, device, ranks=ranks)
        record = {
            "format": FORMAT,
            "recipe_sha256": recipe.digest(),
            "data": str(pack.path.resolve()),
            "pack_digest": pack.digest,
            "environment": environment.describe(device),
            "processes": parts.ranks.world.size,
            "launch": launch(),
            "status": "started",
        }
        folder.create(recipe.to_toml(), record)
        return _train(parts, folder, TrainState(), [f"{recipe.name}: {known_before(parts)}"])


def resume(
    path: Path, device: torch.device, open_pack: Callable[[Path], Pack], ranks: Ranks | None = None
) -> RunResult:
    """Go on with a run from its newest whole checkpoint, bit for bit as if it had never stopped.

    Args:
        open_pack: Opens the pack that the run's record names.

    Raises:
        CheckpointError: no run, another pack, or no whole checkpoint.
    """
    folder = RunFolder(path)
    record = folder.read_record()
    with FolderLock(folder.path):
        folder.clean()
        recipe = load_recipe(folder.recipe)
        pack = open_pack(Path(record["data"]))
        if pack.digest != record["pack_digest"]:
            raise CheckpointError("the pack is not the one this run began with", where=pack.path)
        parts = assemble(recipe, pack, device, starts=False, ranks=ranks)
        notes: list[str] = []
        if changed := environment.differences(record["environment"], environment.describe(device)):
            notes.append(f"bits may differ from an uninterrupted run: {', '.join(changed)}")
        notes += other_processes(recipe, record.get("processes", 1), parts.ranks.world.size)
        state = restore(parts, folder, notes.append)
        return _train(parts, folder, state, [*notes, f"going on from step {state.step}"])


def restore(parts: Parts, folder: RunFolder, say: Callable[[str], None]) -> TrainState:
    """Load the newest whole checkpoint into the run's objects; a run without one starts at its beginning.

    Raises:
        CheckpointError: the checkpoint is of another network.
    """
    path = folder.checkpoints.latest(say)
    if path is None:
        parts.reset()
        return TrainState()
    net, optimizer = parts.learner.net, parts.learner.optimizer
    named = dict(net.named_parameters())
    net.load_state_dict(read_tensors(path / MODEL, net.state_dict()))
    for name, velocity in read_tensors(path / VELOCITY).items():
        if name not in named or named[name].shape != velocity.shape:
            raise CheckpointError(f"holds the velocity of another network: {name}", where=path / VELOCITY)
        like = torch.empty_like(named[name])
        optimizer.state[named[name]]["velocity"] = like.copy_(velocity)
    return TrainState.from_json(read_json(path / STATE))


def checkpoint_config(parts: Parts) -> dict[str, Any]:
    """Return what a checkpoint must say of itself so that it can be used alone."""
    return {
        "format": FORMAT,
        "architecture": parts.recipe.model.name.replace("-", "_").lower(),
        "edits": to_table(parts.recipe.model.edits),
        "num_classes": len(parts.pack.classes),
        "classes": list(parts.pack.classes),
        "class_names": list(parts.pack.class_names),
        "input": parts.classifier.input.to_json(),
        "views": parts.recipe.evaluate.views,
        "precision": parts.recipe.train.precision,
        "recipe": parts.recipe.name,
    }


def _train(parts: Parts, folder: RunFolder, state: TrainState, notes: Sequence[str]) -> RunResult:
    recipe = parts.recipe
    total = recipe.train.epochs * len(parts.portions.train)
    with ExitStack() as stack:
        bar = stack.enter_context(Progress("training", total=total, unit="images", done=state.images_seen))
        for note in notes:
            bar.say(note)
        stop = stack.enter_context(StopRequest())
        state = give_start(parts.learner, state, parts.ranks)
        save = _saving(parts, folder)
        save(state)
        log = MetricsLog(folder.metrics, state, recipe.train.log_every, recipe.optim.lr, bar.say)
        stack.callback(log.close)
        stall = StallWarning(len(parts.pack.classes), _stall_advice(recipe), bar.say)
        pictures = RunPictures(folder, parts, bar.say)
        resume_command = f"alexnet train --resume {folder.path}"
        saver = Saver(save, recipe.checkpoint, stop, bar.say, resume_command, parts.ranks.any)
        display = Display(bar, recipe.optim.lr, lambda: pictures.draw(read_metrics(folder.metrics)))
        hooks = [*_estimating(parts, folder, bar.say), log, display, stall, saver]

        def validate() -> Sequence[Validation]:
            require_finite(parts.learner.net, state.step)
            alone = parts.ranks.world.is_alone  # several look together, and not each after its own batches
            return parts.validate(lambda done, error: saver.look(state) if alone else None)

        begin = time.perf_counter()
        try:
            fit(parts.learner, parts.feed, state, hooks, validate, saver.due)
            save(state)
            parts.ranks.wait()
        except AlexNetError as error:
            folder.update_record(status=type(error).__name__, message=str(error))
            raise
        elapsed = time.perf_counter() - begin
    last = [
        line
        for line in read_metrics(folder.metrics)
        if line["kind"] == "validation" and line["step"] == state.step
    ]
    folder.update_record(
        status="finished",
        steps=state.step,
        seconds=state.seconds,
        elapsed_seconds=elapsed,
        stalled=stall.stalled,
    )
    return RunResult(folder.path, state.step, state.epoch, state.seconds, last, stall.stalled)


def _estimating(parts: Parts, folder: RunFolder, say: Callable[[str], None]) -> list[FirstSteps]:
    """Return what says and records the run's estimate, unless an earlier part of the run has."""

    def tell(cost: StepCost) -> None:
        guess = estimate(parts, cost)
        say(f"{parts.recipe.name}: {guess}, measured on its first steps")
        try:
            folder.update_record(estimate=asdict(guess))
        except StorageError as error:
            say(f"the estimate was not recorded: {error}; training goes on")

    return [] if "estimate" in folder.read_record() else [FirstSteps(tell)]


def _saving(parts: Parts, folder: RunFolder) -> Callable[[TrainState], Path]:
    config = checkpoint_config(parts)
    keep = parts.recipe.checkpoint.keep

    def save(state: TrainState) -> Path:
        net, optimizer = parts.learner.net, parts.learner.optimizer
        require_finite(net, state.step)
        path = folder.checkpoints.save(
            state.step,
            model=net.state_dict(),
            velocity=_velocity(net, optimizer),
            state=state.to_json(),
            config=config,
        )
        folder.checkpoints.rotate(keep, state.best_step)
        return path

    return save


def _velocity(net: torch.nn.Module, optimizer: SGD) -> dict[str, torch.Tensor]:
    return {
        n: optimizer.state[p]["velocity"] for n, p in net.named_parameters() if "velocity" in optimizer.state[p]
    }


def _stall_advice(recipe: Recipe) -> str:
    if recipe.model.name.startswith("alexnet") and recipe.model.init != "quick":
        return "start again with --set model.init=quick (sigma 0.03 in conv3-5, biases 0.1)"
    return f"try another learning rate, e.g. --set optim.lr={recipe.optim.lr / 3:.2g}"
