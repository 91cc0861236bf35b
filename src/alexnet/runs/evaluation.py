"""What an evaluation works on: the networks and the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from alexnet.core.errors import DataError, UsageError
from alexnet.core.names import nearest
from alexnet.core.terminal import Progress
from alexnet.data.pack.read import Pack, PackSplit
from alexnet.data.sources.options import SourceOptions
from alexnet.evaluation.evaluate import Evaluation, evaluate
from alexnet.nets.own import Factory
from alexnet.runs.data import open_data
from alexnet.runs.folder import RunFolder
from alexnet.runs.predictor import Predictor, load
from alexnet.runs.recipe import DataConfig


def load_ensemble(
    runs: Sequence[Path], checkpoint: str, device: torch.device, model: Factory | str | None = None
) -> list[Predictor]:
    """Load several runs that know the same classes.

    Args:
        model: What makes their networks, where these are your own.

    Raises:
        UsageError: their classes differ.
    """
    predictors = [load(run, checkpoint, device, model=model) for run in runs]
    classes = list(predictors[0].classifier.classes)
    for run, predictor in zip(runs, predictors, strict=True):
        other = list(predictor.classifier.classes)
        if other != classes:
            raise UsageError(
                f"knows other classes than {runs[0]}: {_first_difference(classes, other)}", where=run
            )
    return predictors


def evaluation_images(predictor: Predictor, run: Path, data: str | None, split: str) -> tuple[Pack, PackSplit]:
    """Return the pack and the split to evaluate on.

    Args:
        data: A pack or source; None: the pack of the run.

    Raises:
        DataError: it is missing, has no such split, or its classes are not the network's.
    """
    spec = predictor.classifier.input
    if data is None:
        path = run if (run / "run.json").is_file() else run.parent.parent
        pack = Pack.open(Path(RunFolder(path).read_record()["data"]))
    else:
        config = DataConfig(size=spec.size, filter=spec.filter, channels=spec.channels)
        pack = open_data(data, config, SourceOptions(subset=True))
    if split not in pack.splits:
        raise DataError(f"has no split {split!r}", where=pack.path, remedy=nearest(split, pack.splits))
    if list(pack.classes) != list(predictor.classifier.classes):
        difference = _first_difference(list(predictor.classifier.classes), list(pack.classes))
        raise DataError(f"has other classes than the network: {difference}", where=pack.path)
    return pack, pack.split(split)


def evaluate_shown(
    label: str, predictors: Sequence[Predictor], images: PackSplit, *, num_views: int, batch_size: int = 64
) -> Evaluation:
    """Evaluate on all images of a split, with progress."""
    with Progress(label, total=len(images), unit="images") as bar:
        return evaluate(
            [predictor.classifier for predictor in predictors],
            images,
            np.arange(len(images)),
            num_views=num_views,
            batch_size=batch_size,
            progress=lambda done, error: bar.advance(done - bar.done, top1_error=error),
        )


def _first_difference(expected: Sequence[str], found: Sequence[str]) -> str:
    if len(expected) != len(found):
        return f"{len(found)} instead of {len(expected)}"
    pairs = [(e, f) for e, f in zip(expected, found, strict=True) if e != f]
    return ", ".join(f"{f!r} instead of {e!r}" for e, f in pairs[:3])
