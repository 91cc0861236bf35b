"""`alexnet look`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import UsageError
from alexnet.core.files import commit_bytes


def look(  # noqa: PLR0913 - the command's options
    run: Path,
    *pictures: str,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    data: str | None = None,
    split: str = "val",
    checkpoint: str = "last",
    model: str | None = None,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Look inside a trained network: kernels, layers, mistakes, salient places, as pictures and a page.

    Parameters
    ----------
    run
        Folder of a run or of a checkpoint.
    pictures
        Pictures to look at closely; by default two of the run's data.
    output
        Folder for the pictures and index.html; by default `look` in the run's folder.
    data
        A pack or a source, for mistakes and classes; by default the pack of the run.
    split
        Part of the data.
    checkpoint
        last, best, or a step.
    model
        What makes the network of a run whose network is your own: package.module:factory.
    device
        auto, cpu, cuda or mps.
    json
        Print one JSON object.
    """
    from alexnet.core.terminal import Progress
    from alexnet.inside.look import look as look_inside
    from alexnet.inside.page import to_html
    from alexnet.nets.network import Network
    from alexnet.runs.devices import choose_device
    from alexnet.runs.predictor import load

    predictor = load(run, checkpoint, choose_device(device), model=model)
    classifier = predictor.network
    if not isinstance(classifier.net, Network):
        raise UsageError(
            "the network is of somebody's own",
            where=run,
            remedy="alexnet look works with the package's networks",
        )
    out = output or run / "look"
    images, missing = _images(predictor, run, data, split, bool(pictures))
    with Progress("classifying", total=len(images) if images else 0, unit="images") as bar:
        looked = look_inside(classifier, images, pictures, bar.advance)
    looked.skipped += missing
    _learning_curves(looked, run, predictor)
    facts = _facts(predictor, looked, split)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in looked.pictures.items():
        commit_bytes(out / name, content)
    page = to_html(looked, f"Inside {predictor.config['recipe']}", facts, classifier.class_names)
    commit_bytes(out / "index.html", page.encode())
    if json:
        print_json({"page": str(out / "index.html"), "pictures": list(looked.pictures), **facts})
    else:
        print(f"{out / 'index.html'}: {len(looked.pictures)} pictures")
    return 0


def _images(predictor: Any, run: Path, data: str | None, split: str, optional: bool) -> tuple[Any, list[str]]:
    """Return the split to look for mistakes in; None, with why, where it is missing and pictures were given."""
    from alexnet.core.errors import AlexNetError
    from alexnet.runs.evaluation import evaluation_images

    try:
        return evaluation_images(predictor, run, data, split)[1], []
    except (AlexNetError, OSError, KeyError) as error:
        if data is not None or not optional:
            raise
        return None, [f"mistakes and classes, as the run's data is not at hand ({error})"]


def _learning_curves(looked: Any, run: Path, predictor: Any) -> None:
    """Put the run's curves first, where it has any."""
    from alexnet.core.errors import UsageError
    from alexnet.pictures.curves import draw_learning_curves
    from alexnet.runs.folder import RunFolder
    from alexnet.training.hooks.metrics_log import read_metrics

    rows = read_metrics(RunFolder(run).metrics)
    if not rows:
        return
    before = looked.pictures, looked.says
    looked.pictures, looked.says = {}, {}
    try:
        looked.add(
            "learning-curves.png",
            "Loss and errors while it was trained",
            lambda to: draw_learning_curves(
                rows, to, title=predictor.config["recipe"], num_classes=len(predictor.class_names)
            ),
        )
    except UsageError as error:
        looked.skipped.append(f"learning curves: {error}")
    looked.pictures |= before[0]
    looked.says |= before[1]


def _facts(predictor: Any, looked: Any, split: str) -> dict[str, object]:
    config = predictor.config
    facts: dict[str, object] = {
        "network": f"{config['architecture']}, {len(predictor.class_names)} classes",
        "checkpoint": predictor.checkpoint.name,
    }
    if looked.guesses is not None:
        wrong = (looked.guesses.best != looked.guesses.labels).mean()
        facts["top-1 error"] = (
            f"{100 * wrong:.2f} % of {len(looked.guesses.labels):,} images, {split}, one view"
        )
    return facts
