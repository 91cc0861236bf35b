"""`alexnet export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import UsageError
from alexnet.core.files import human_bytes

_CHECKED = 100


def export(  # noqa: PLR0913 - the command's options
    run: Path,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    format: str | None = None,
    preprocess: Literal["included", "separate"] = "included",
    checkpoint: str = "last",
    model: str | None = None,
    images: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write a trained network for other programs, checked on real pictures before it is there.

    Parameters
    ----------
    run
        Folder of a run or of a checkpoint.
    output
        File or folder; its ending says the format: .onnx, .pt2, .pth (torchvision), none (safetensors folder).
    format
        onnx, pt2, safetensors or torchvision.
    preprocess
        included: the file takes prepared pictures (uint8) and crops, subtracts and scales itself. separate: it takes
        the network's input. For onnx and pt2.
    checkpoint
        last, best, or a step.
    model
        What makes the network of a run whose network is your own: package.module:factory.
    images
        Pictures or folders to check it on; by default a hundred of the run's own data.
    json
        Print one JSON object.
    """
    from alexnet.export.formats import format_of

    kind = format_of(format, output)
    if output.is_dir():
        raise UsageError("is a folder", where=output, remedy="choose a name that is not taken")
    from alexnet.export.write import export as write
    from alexnet.runs.predictor import load

    predictor = load(run, checkpoint, model=model)
    pictures = _pictures(predictor, run, images) if kind.name in ("onnx", "pt2") else None
    done = write(predictor, kind, output, prepares=preprocess == "included", images=pictures)
    facts = _facts(done, predictor, preprocess)
    if json:
        print_json(facts)
        return 0
    _print(facts)
    return 0


def _pictures(predictor: Any, run: Path, images: list[str] | None) -> Any:
    """Return pictures to check on: those given, or some of the run's data, or None where that is not at hand."""
    import numpy as np

    from alexnet.core.errors import AlexNetError
    from alexnet.evaluation.baseline import BaselineClassifier
    from alexnet.evaluation.predict import load_pixels, picture_files
    from alexnet.runs.evaluation import evaluation_images

    if isinstance(predictor.classifier, BaselineClassifier):
        return None
    if images:
        spec = predictor.classifier.input
        return np.stack([load_pixels(path, spec, str(path)) for path in picture_files(images)][:_CHECKED])
    for split in ("val", "train"):
        try:
            _, found = evaluation_images(predictor, run, None, split)
        except (AlexNetError, OSError, KeyError):
            continue
        if len(found):
            return found.read(np.linspace(0, len(found) - 1, min(_CHECKED, len(found))).astype(int))
    return None


def _facts(done: Any, predictor: Any, preprocess: str) -> dict[str, Any]:
    from alexnet.export.deployed import describe

    facts = {
        "path": str(done.path),
        "format": done.format,
        "bytes": done.bytes,
        "sha256": done.sha256,
        "checkpoint": str(predictor.checkpoint),
    }
    if done.agreement is None:
        return facts
    found = done.agreement
    return facts | {
        "preprocess": preprocess,
        "input": describe(predictor.classifier.input, prepares=preprocess == "included"),
        "checked": {
            "images": found.images,
            "drawn": found.drawn,
            "largest_difference": found.largest_difference,
            "same_top5": found.same_top5,
        },
    }


def _print(facts: dict[str, Any]) -> None:
    print(f"{facts['path']}: {facts['format']}, {human_bytes(facts['bytes'])}")
    if checked := facts.get("checked"):
        of = "pictures of noise, as no real ones are at hand (--images)" if checked["drawn"] else "pictures"
        print(
            f"checked on {checked['images']} {of}: the same five best classes for {checked['same_top5']}, "
            f"probabilities differ by at most {checked['largest_difference']:.1g}"
        )
        print(f"input: {facts['input']}")
