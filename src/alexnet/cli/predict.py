"""`alexnet predict`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import DataError, UsageError
from alexnet.core.names import nearest

_OPTIONS = ("--k", "--views", "--checkpoint", "--device", "--csv", "--json")


def predict(  # noqa: PLR0913 - the command's options
    run: Path,
    *images: Annotated[str, Parameter(allow_leading_hyphen=True)],
    k: int = 5,
    views: int = 1,
    checkpoint: str = "last",
    model: str | None = None,
    device: str = "auto",
    csv: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """The most probable classes of pictures, prepared exactly as in training.

    Parameters
    ----------
    run
        Folder of a run or of a checkpoint.
    images
        Pictures, folders of pictures, or - for one picture on standard input.
    k
        Classes per picture.
    views
        1, 5, 9 or 10 crops whose probabilities are averaged.
    checkpoint
        last, best, or a step.
    model
        What makes the network of a run whose network is your own: package.module:factory.
    device
        auto, cpu, cuda or mps.
    csv
        Print lines path,rank,class,name,probability.
    json
        Print one JSON object per picture.
    """
    if not images:
        raise UsageError(
            "no pictures are given", remedy="alexnet predict RUN PICTURE...; - reads standard input"
        )
    if unknown := [image for image in images if image.startswith("-") and image != "-"]:
        raise UsageError(f"unknown option {unknown[0]!r}", remedy=nearest(unknown[0], _OPTIONS))
    if csv and json:
        raise UsageError("--csv and --json exclude each other")
    from alexnet.evaluation.predict import predict as predict_pictures
    from alexnet.runs.devices import choose_device
    from alexnet.runs.predictor import load

    predictor = load(run, checkpoint, choose_device(device), model=model)
    failed: list[DataError] = []
    pictures = _readable(images, predictor.classifier.input, failed)
    found = predict_pictures([predictor.classifier], pictures, k=k, num_views=views)
    (_print_csv if csv else _print_json if json else _print_table)(found)
    if failed:
        total = "1 picture" if len(failed) == 1 else f"{len(failed)} pictures"
        print(f"alexnet: {total} could not be read", file=sys.stderr)
        return DataError.exit_code
    return 0


def _readable(images: Iterable[str], spec: Any, failed: list[DataError]) -> Iterator[tuple[str, Any]]:
    """Yield names and prepared pixels; say what cannot be read and go on."""
    from alexnet.evaluation.predict import load_pixels, picture_files

    def named() -> Iterator[tuple[str, Any]]:
        for image in images:
            if image == "-":
                yield "-", sys.stdin.buffer.read()
            else:
                yield from ((str(path), path) for path in picture_files([image]))

    for name, picture in named():
        try:
            yield name, load_pixels(picture, spec, name)
        except DataError as error:
            failed.append(error)
            print(f"alexnet: {error}", file=sys.stderr)


def _print_table(found: Iterable[Any]) -> None:
    for prediction in found:
        print(prediction.name)
        for name, probability in zip(prediction.class_names, prediction.probabilities, strict=True):
            print(f"  {100 * probability:5.1f} %  {'█' * round(24 * probability):24}  {name}")


def _print_json(found: Iterable[Any]) -> None:
    for prediction in found:
        print_json(
            {
                "path": prediction.name,
                "classes": list(prediction.classes),
                "class_names": list(prediction.class_names),
                "probabilities": list(prediction.probabilities),
            }
        )


def _print_csv(found: Iterable[Any]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("path", "rank", "class", "name", "probability"))
    for prediction in found:
        triples = zip(prediction.classes, prediction.class_names, prediction.probabilities, strict=True)
        for rank, (key, name, probability) in enumerate(triples, 1):
            writer.writerow((prediction.name, rank, key, name, f"{probability:.6f}"))
