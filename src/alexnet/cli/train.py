"""`alexnet train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.allocator import keep_freed_memory
from alexnet.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from alexnet.data.pack.read import Pack
    from alexnet.parallel.world import World
    from alexnet.runs.beginning import Beginning
    from alexnet.runs.recipe import Recipe
    from alexnet.runs.train import RunResult

SMOKE_STEPS, SMOKE_BATCH = 20, 8


def train(  # noqa: PLR0913 - the command's options
    recipe: str | None = None,
    /,
    *,
    data: str | None = None,
    output_dir: Path | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    init: Path | None = None,
    time: str | None = None,
    model: str | None = None,
    resume: Path | None = None,
    format: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    smoke: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train a network: alexnet train RECIPE --data PICTURES, or alexnet train --resume RUN.

    `alexnet show` lists the recipes. Ctrl-C saves and says how to go on.

    Parameters
    ----------
    recipe
        Name of a recipe in the package, or path of a TOML file.
    data
        A pack, a folder or archive of pictures, or the name of a public dataset. Anything but a pack is packed once.
    output_dir
        Folder of the run; by default a new one under runs/.
    epochs
        Passes over the training images.
    batch_size
        Images per update.
    seed
        Root of all randomness.
    device
        auto, cpu, cuda or mps.
    set_
        Any recipe value, e.g. --set optim.lr=0.02; may be repeated.
    init
        Start from the weights of this run or file, the last layer anew where classes differ. Without RECIPE, with
        that run's own: a tenth of its rate, a quarter of its epochs.
    time
        As many epochs as fit into e.g. 90s, 10m, 1.5h, by a dozen measured steps; half a cosine over them.
    model
        What makes a network of your own in place of the recipe's: package.module:factory, called with num_classes.
        Resuming its run, name it again.
    resume
        Go on with this run, bit for bit as if it had never stopped.
    format
        Reader of the data; recognized by default.
    dry_run
        Print the resolved recipe, steps, time, memory and disk, and train nothing.
    smoke
        Train 20 small steps, to see that everything works.
    json
        Print the result as one JSON object.
    """
    if resume is not None:
        given = {
            "RECIPE": recipe,
            "--data": data,
            "--output-dir": output_dir,
            "--set": set_,
            "--epochs": epochs,
            "--init": init,
            "--time": time,
        }
        if extra := [name for name, value in given.items() if value is not None]:
            raise UsageError(f"--resume takes everything from the run; leave out {', '.join(extra)}")
        return _resume(resume, device, model, json)
    if (recipe is None and init is None) or data is None:
        missing = "RECIPE" if recipe is None and init is None else "--data"
        raise UsageError(
            f"{missing} is missing", remedy="alexnet train RECIPE --data PICTURES; alexnet show lists recipes"
        )
    changes = list(set_ or [])
    for key, value in (("train.epochs", epochs), ("train.batch_size", batch_size), ("seed", seed)):
        if value is not None:
            changes.append(f"{key}={value}")
    from alexnet.runs.baseline_recipe import is_baseline

    if recipe is not None and is_baseline(recipe):
        from alexnet.cli.baseline import fit

        given = {
            "--epochs": epochs,
            "--batch-size": batch_size,
            "--init": init,
            "--time": time,
            "--model": model,
        }
        return fit(
            recipe, data, output_dir, changes, given, format=format, dry_run=dry_run, smoke=smoke, json=json
        )
    if time is not None and epochs is not None:
        raise UsageError("--time and --epochs both say how long", remedy="leave one of them out")
    from alexnet.runs.beginning import Beginning

    start = Beginning(recipe, init, time, changes, model)
    return _start(start, data, output_dir, device, format=format, dry_run=dry_run, smoke=smoke, json=json)


def _start(start: Beginning, data: str, output_dir: Path | None, device: str, **options: Any) -> int:
    import sys

    from alexnet.parallel.world import from_environment

    world = from_environment()

    def prepare() -> tuple[Recipe, Pack, torch.device]:
        recipe, notes = start.load()
        place = _place(device, recipe, world)
        pack = _open(data, recipe, options["format"], smoke=options["smoke"])
        if options["smoke"]:
            recipe = _smoke(recipe, len(pack.split("train")))
        else:
            recipe, why = start.fitted(recipe, pack, place, world)
            notes += why
        if world.leads:
            for note in notes:
                print(note, file=sys.stderr)
        return recipe, pack, place

    if not world.leads:
        return 0 if options["dry_run"] else _follow(world, prepare)
    recipe, pack, place = prepare()
    if options["dry_run"]:
        return _dry_run(recipe, pack, place, options["json"])
    return _report(_train(recipe, pack, output_dir, place, world), options["json"])


def _train(
    recipe: Recipe, pack: Pack, output_dir: Path | None, device: torch.device, world: World
) -> RunResult:
    """Train, or go on where the same start of torchrun broke off."""
    from alexnet.data.pack.read import Pack
    from alexnet.parallel.ranks import Ranks
    from alexnet.runs import train as runs
    from alexnet.runs.launch import broken_off
    from alexnet.runs.places import new_run_folder

    ranks = Ranks(world, device)
    if folder := broken_off(output_dir, recipe, pack, world):
        return runs.resume(folder, device, Pack.open, ranks)
    return runs.start(recipe, pack, output_dir or new_run_folder(recipe.name), device, ranks)


def _resume(path: Path, device: str, model: str | None, json: bool) -> int:
    from alexnet.data.pack.read import Pack
    from alexnet.nets.own import make_known
    from alexnet.parallel.ranks import Ranks
    from alexnet.parallel.world import from_environment
    from alexnet.runs import train as runs
    from alexnet.runs.baseline_recipe import is_baseline
    from alexnet.runs.folder import RunFolder
    from alexnet.runs.recipe import load_recipe

    world, folder = from_environment(), RunFolder(path)
    if folder.recipe.is_file() and is_baseline(folder.recipe):
        from alexnet.cli.baseline import go_on

        return go_on(path, json)

    def kept() -> Recipe:
        recipe = load_recipe(folder.recipe)
        if model is not None:
            make_known(recipe.model.name, model)
        return recipe

    def prepare() -> tuple[Recipe, Pack, torch.device]:
        record, recipe = folder.read_record(), kept()
        return recipe, Pack.open(Path(record["data"])), _place(device, recipe, world)

    if not world.leads:
        return _follow(world, prepare)
    folder.read_record()
    place = _place(device, kept(), world)
    return _report(runs.resume(path, place, Pack.open, Ranks(world, place)), json)


def _follow(world: World, prepare: Callable[[], tuple[Recipe, Pack, torch.device]]) -> int:
    from alexnet.runs.follow import follow

    follow(world, prepare)
    return 0


def _place(name: str, recipe: Recipe, world: World) -> torch.device:
    from alexnet.runs.devices import choose_device

    keep_freed_memory()
    return choose_device(name, _threads(recipe), world)


def _open(data: str, recipe: Recipe, format: str | None, *, smoke: bool) -> Pack:
    from alexnet.data.sources.options import SourceOptions
    from alexnet.runs.data import open_data

    source = SourceOptions(
        val_fraction=recipe.data.val_fraction,
        seed=recipe.seed,
        subset=recipe.model.num_classes != 1000,
    )
    classes = None if smoke else recipe.model.num_classes
    return open_data(data, recipe.data, source, format=format, num_classes=classes)


def _threads(recipe: Recipe) -> int:
    """Return the cores to compute with: elastic runs need the same number everywhere, whatever the machine has."""
    return recipe.train.threads or (1 if recipe.train.elastic_parts else 0)


def _dry_run(recipe: Any, pack: Any, device: Any, json: bool) -> int:
    from dataclasses import asdict

    from alexnet.config.load import to_table
    from alexnet.runs.assemble import assemble
    from alexnet.runs.estimate import measured_apart

    guess = measured_apart(assemble(recipe, pack, device))
    if json:
        print_json({"recipe": to_table(recipe), "estimate": asdict(guess)})
        return 0
    print(recipe.to_toml())
    print(f"# {guess}")
    return 0


def _report(result: Any, json: bool) -> int:
    import sys

    if json:
        from dataclasses import asdict

        print_json(asdict(result))
        return 0
    for line in result.validations:
        print(
            f"{line['split']}: top-1 error {100 * line['top1_error']:.2f} %, top-5 error "
            f"{100 * line['top5_error']:.2f} % ({line['count']} images, one view)"
        )
    if result.crossing:
        print(f"between processes: {result.crossing}")
    print(f"run: {result.folder}")
    print(
        f"next: alexnet evaluate {result.folder}   alexnet predict {result.folder} PICTURE...", file=sys.stderr
    )
    return 0


def _smoke(recipe: Recipe, images: int) -> Recipe:
    """Return the recipe cut down to SMOKE_STEPS small steps, for any number of images and classes."""
    holdout = min(recipe.data.holdout, 16, images // 4)
    images = min(images - holdout, SMOKE_STEPS * SMOKE_BATCH)
    steps = -(-images // SMOKE_BATCH)
    return replace(
        recipe,
        model=replace(recipe.model, num_classes=None),
        data=replace(recipe.data, holdout=holdout, limit_train=images, limit_val=16),
        train=replace(
            recipe.train,
            epochs=-(-SMOKE_STEPS // steps),
            batch_size=SMOKE_BATCH,
            micro_batch_size=None,
            log_every=5,
        ),
    )
