"""`alexnet compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import UsageError


def compare(
    *runs: Path,
    paired: Annotated[bool, Parameter(negative="")] = False,
    split: str = "val",
    picture: Path | None = None,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """What distinguishes runs: their recipes, their errors with intervals, their curves together.

    Parameters
    ----------
    runs
        Folders of runs; the others are compared with the first.
    paired
        Classify the first run's data with each, and compare image by image: narrower intervals.
    split
        Part of the data that is classified.
    picture
        Draw the learning curves together as a PNG file.
    device
        auto, cpu, cuda or mps.
    json
        Print one JSON object.
    """
    if len(runs) < 2:
        raise UsageError("at least two runs are compared", remedy="alexnet compare RUN RUN")
    from alexnet.runs.compare import last_differences, read_run, recipe_differences

    compared = [read_run(run) for run in runs]
    recipes = recipe_differences(compared)
    differences = _paired(runs, split, device) if paired else last_differences(compared)
    if picture is not None:
        from alexnet.pictures.compared import draw_compared

        draw_compared({run.name: run.metrics for run in compared}, picture)
    if json:
        print_json(_facts(compared, recipes, differences))
    else:
        _print(compared, recipes, differences)
    return 0


def _paired(runs: Sequence[Path], split: str, device: str) -> list[Any]:
    """Classify the same images with every run; return the differences to the first."""
    from alexnet.core.terminal import Progress
    from alexnet.inside.mistakes import guess
    from alexnet.metrics.paired import paired_interval
    from alexnet.runs.compare import ErrorDifference
    from alexnet.runs.devices import choose_device
    from alexnet.runs.evaluation import evaluation_images, load_ensemble

    predictors = load_ensemble(runs, "last", choose_device(device))
    _, images = evaluation_images(predictors[0], runs[0], None, split)
    wrong = []
    with Progress("classifying", total=len(images) * len(runs), unit="images") as bar:
        for predictor in predictors:
            found = guess(predictor.network, images, bar.advance)
            wrong.append(found.best != found.labels)
    return [
        ErrorDifference(
            run.name,
            split,
            float(other.mean() - wrong[0].mean()),
            *paired_interval(other, wrong[0]),
            paired=True,
        )
        for run, other in zip(runs[1:], wrong[1:], strict=True)
    ]


def _facts(
    compared: Sequence[Any], recipes: dict[str, list[Any]], differences: Sequence[Any]
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "runs": [
            {"folder": str(run.folder), "status": run.record.get("status"), "last": dict(run.last)}
            for run in compared
        ],
        "recipe_differences": recipes,
        "error_differences": [asdict(found) for found in differences],
    }


def _print(compared: Sequence[Any], recipes: dict[str, list[Any]], differences: Sequence[Any]) -> None:
    from alexnet.core.terminal import table

    names = [run.name for run in compared]
    splits = list(dict.fromkeys(split for run in compared for split in run.last))
    rows: list[list[object]] = [
        [f"top-1 error, {split}", *(_error(run.last.get(split)) for run in compared)] for split in splits
    ]
    rows += [[key, *("-" if value is None else value for value in values)] for key, values in recipes.items()]
    table(["", *names], rows)
    if not recipes:
        print("the recipes are the same")
    for found in differences:
        how = "image by image" if found.paired else "by their counts"
        word = "" if found.is_clear else ": no clear difference"
        print(
            f"{found.run} less {names[0]}, {found.split}: {100 * found.difference:+.2f} points "
            f"(95 %: {100 * found.low:+.2f} .. {100 * found.high:+.2f}, {how}){word}"
        )


def _error(line: Any) -> str:
    return "-" if line is None else f"{100 * line['top1_error']:.2f} %"
