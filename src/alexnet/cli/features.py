"""`alexnet features`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import DataError, UsageError

_ENDINGS = (".npy", ".parquet")


def features(  # noqa: PLR0913 - the command's options
    run: Path,
    *images: str,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    layer: str | None = None,
    split: str = "train",
    checkpoint: str = "last",
    model: str | None = None,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """What a layer of a network makes of pictures, as a table of numbers.

    Parameters
    ----------
    run
        Folder of a run or of a checkpoint.
    images
        Pictures and folders of pictures, or one pack.
    output
        .npy: float32, a row for each picture, with their names in a .csv beside it. .parquet: names and numbers.
    layer
        fc7, pool5, ...; by default what the last layer reads.
    split
        Part of the pack.
    checkpoint
        last, best, or a step.
    model
        What makes the network of a run whose network is your own: package.module:factory.
    device
        auto, cpu, cuda or mps.
    json
        Print one JSON object.
    """
    if not images:
        raise UsageError("no pictures are given", remedy="alexnet features RUN PICTURES -o FILE.npy")
    if output.suffix not in _ENDINGS:
        raise UsageError(f"ends in {output.suffix!r}", where=output, remedy=f"use {' or '.join(_ENDINGS)}")
    from alexnet.core.terminal import Progress
    from alexnet.evaluation.features import check_layer
    from alexnet.evaluation.features import features as layer_outputs
    from alexnet.runs.devices import choose_device
    from alexnet.runs.feature_file import write_features
    from alexnet.runs.gallery import Gallery
    from alexnet.runs.predictor import load

    predictor = load(run, checkpoint, choose_device(device), model=model)
    classifier, failed = predictor.network, list[DataError]()
    check_layer(classifier, layer)
    gallery = Gallery(images, classifier.input, split, failed=lambda error: _tell(error, failed))

    def rows() -> Iterator[tuple[list[str], list[str] | None, Any]]:
        with Progress("features", total=len(gallery), unit="images") as bar:
            for shown in gallery.batches():
                yield shown.names, shown.classes, layer_outputs(classifier, shown.pixels, layer).numpy()
                bar.advance(len(shown.names))

    count, length = write_features(output, rows())
    facts = {"path": str(output), "images": count, "length": length, "unreadable": len(failed)}
    if json:
        print_json(facts)
    else:
        print(f"{output}: {count:,} pictures, {length:,} numbers each")
    return DataError.exit_code if failed else 0


def _tell(error: DataError, failed: list[DataError]) -> None:
    failed.append(error)
    print(f"alexnet: {error}", file=sys.stderr)
