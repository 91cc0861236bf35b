"""A run from its first second to its last, or from any checkpoint on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from alexnet.checkpoint.digests import DigestLog
from alexnet.checkpoint.store import MODEL, STATE, VELOCITY, read_json, read_tensors
from alexnet.config.load import to_table
from alexnet.core.errors import AlexNetError, CheckpointError, StorageError
from alexnet.core.lock import FolderLock
from alexnet.core.terminal import Progress
from alexnet.data.pack.read import Pack
from alexnet.nets.own import is_own
from alexnet.parallel.ranks import Ranks, joined
from alexnet.runs import environment
from alexnet.runs.assemble import Parts, assemble
from alexnet.runs.estimate import estimate, known_before
from alexnet.runs.folder import RunFolder
from alexnet.runs.launch import launch, require_not_stopped
from alexnet.runs.pictures import RunPictures
from alexnet.runs.recipe import Recipe, load_recipe
from alexnet.runs.sharing import other_processes, saving
from alexnet.runs.tensors import Start, Tensors, give_start
from alexnet.training.fit import Validation, fit, require_finite
from alexnet.training.hooks.crossing import Crossing, CrossingMeter
from alexnet.training.hooks.display import Display
from alexnet.training.hooks.first_steps import FirstSteps
from alexnet.training.hooks.metrics_log import MetricsLog, read_metrics
from alexnet.training.hooks.saver import PASSED_ON, Saver, StopRequest
from alexnet.training.hooks.slow_rank import SlowRank
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
    crossing: Crossing | None = None
    """What the run's processes exchanged, where there were several."""


def start(
    recipe: Recipe, pack: Pack, output_dir: Path, device: torch.device, ranks: Ranks | None = None
) -> RunResult:
    """Train a new run into `output_dir`.

    Args:
        ranks: The processes that share the run, of which this is the first, and which are let in when all is ready;
            by default it is alone.

    Raises:
        AlexNetError: one of its kinds, each with its exit code.
    """
    folder = RunFolder(output_dir)
    with folder.begun():
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
        begins = Start(TrainState(), parts.beginning() if parts.layout.shards.cuts else None)
        return _train(parts, folder, begins, [f"{recipe.name}: {known_before(parts)}"])


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
    with FolderLock(folder.path):
        record = folder.read_record()
        if ranks is not None and ranks.world.attempt:
            require_not_stopped(folder, record)
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
        begins = restore(parts, folder, notes.append)
        folder.update_record(status="started", launch=launch())
        return _train(parts, folder, begins, [*notes, f"going on from step {begins.state.step}"])


def restore(parts: Parts, folder: RunFolder, say: Callable[[str], None]) -> Start:
    """Return the newest whole checkpoint; of a run without one, its beginning.

    Raises:
        CheckpointError: the checkpoint is of another network.
    """
    path = folder.checkpoints.latest(say)
    if path is None:
        return Start(TrainState(), parts.beginning())
    net, shape = parts.learner.net, parts.layout.shards.shape
    expected = {n: torch.empty(shape(n, t), dtype=t.dtype, device="meta") for n, t in net.state_dict().items()}
    model, velocity = read_tensors(path / MODEL, expected), read_tensors(path / VELOCITY)
    parameters = {name for name, _ in net.named_parameters()}
    for name, tensor in velocity.items():
        if name not in parameters or expected[name].shape != tensor.shape:
            raise CheckpointError(f"holds the velocity of another network: {name}", where=path / VELOCITY)
    return Start(TrainState.from_json(read_json(path / STATE)), Tensors(model, velocity))


def checkpoint_config(parts: Parts) -> dict[str, Any]:
    """Return what a checkpoint must say of itself so that it can be used alone."""
    name = parts.recipe.model.name
    return {
        "format": FORMAT,
        "architecture": name if is_own(name) else name.replace("-", "_").lower(),
        "edits": to_table(parts.recipe.model.edits),
        "num_classes": len(parts.pack.classes),
        "classes": list(parts.pack.classes),
        "class_names": list(parts.pack.class_names),
        "input": parts.classifier.input.to_json(),
        "views": parts.recipe.evaluate.views,
        "precision": parts.recipe.train.precision,
        "recipe": parts.recipe.name,
    }


def _train(parts: Parts, folder: RunFolder, begins: Start, notes: Sequence[str]) -> RunResult:
    recipe = parts.recipe
    total = recipe.train.epochs * len(parts.portions.train)
    with ExitStack() as stack:
        bar = stack.enter_context(
            Progress("training", total=total, unit="images", done=begins.state.images_seen)
        )
        for note in notes:
            bar.say(note)
        ranks = stack.enter_context(joined(parts.ranks))
        stop = stack.enter_context(StopRequest(again_after=0.0 if ranks.world.is_alone else PASSED_ON))
        state = give_start(parts.learner, begins, parts.layout)
        save = saving(parts.learner, parts.layout, _writing(parts, folder))
        save(state)
        log = MetricsLog(folder.metrics, state, recipe.train.log_every, recipe.optim.lr, bar.say)
        stack.callback(log.close)
        stall = StallWarning(len(parts.pack.classes), _stall_advice(recipe), bar.say)
        pictures = RunPictures(folder, parts, bar.say)
        resume_command = f"alexnet train --resume {folder.path}"
        saver = Saver(save, recipe.checkpoint, stop, bar.say, resume_command, ranks.any)
        display = Display(bar, recipe.optim.lr, pictures.draw)
        slow, meter = SlowRank(ranks, bar.say), CrossingMeter()
        hooks = [*_estimating(parts, folder, bar.say), log, meter, display, stall, slow, saver]

        def validate() -> Sequence[Validation]:
            require_finite(parts.learner.net, state.step, ranks.any)
            alone = ranks.world.is_alone  # several look together, and not each after its own batches
            return parts.validate(lambda done, error: saver.look(state) if alone else None)

        begin = time.perf_counter()
        try:
            fit(parts.learner, parts.feed, state, hooks, validate, saver.due)
            save(state)
            ranks.wait()
        except AlexNetError as error:
            folder.update_record(status=type(error).__name__, message=str(error))
            raise
        elapsed = time.perf_counter() - begin
    folder.update_record(
        status="finished",
        steps=state.step,
        seconds=state.seconds,
        elapsed_seconds=elapsed,
        stalled=stall.stalled,
        **({"crossing": asdict(crossing)} if (crossing := meter.crossing()) else {}),
    )
    last = [v for v in read_metrics(folder.metrics) if v["kind"] == "validation" and v["step"] == state.step]
    return RunResult(folder.path, state.step, state.epoch, state.seconds, last, stall.stalled, crossing)


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


def _writing(parts: Parts, folder: RunFolder) -> Callable[[TrainState, Tensors], Path]:
    config = checkpoint_config(parts)
    digests, recipe = DigestLog(folder.digests), parts.recipe

    def write(state: TrainState, whole: Tensors) -> Path:
        path = folder.checkpoints.save(
            state.step,
            model=whole.model,
            velocity=whole.velocity,
            state=state.to_json(),
            config=config,
        )
        if _is_planned(state, recipe):
            digests.add(state.step, state.images_seen, path)
        folder.checkpoints.rotate(recipe.checkpoint.keep, state.best_step)
        return path

    return write


def _is_planned(state: TrainState, recipe: Recipe) -> bool:
    """Say whether an uninterrupted run saves here, too, whatever the time and however it was started."""
    plan, epoch = recipe.checkpoint, state.epoch
    if plan.every_steps and state.step % plan.every_steps == 0:
        return True
    ends = epoch % plan.every_epochs == 0 or epoch == recipe.train.epochs or state.best_step == state.step
    return state.batch == 0 and ends


def _stall_advice(recipe: Recipe) -> str:
    if recipe.model.name.startswith("alexnet") and recipe.model.init != "quick":
        return "start again with --set model.init=quick (sigma 0.03 in conv3-5, biases 0.1)"
    return f"try another learning rate, e.g. --set optim.lr={recipe.optim.lr / 3:.2g}"
