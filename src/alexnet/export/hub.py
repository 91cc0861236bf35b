"""A folder as model hubs keep them: config.json, model.safetensors, and a card written from the run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.checkpoint.store import CONFIG, MODEL
from alexnet.core.errors import printable
from alexnet.core.files import commit_folder
from alexnet.evaluation.input import InputSpec
from alexnet.export.deployed import describe
from alexnet.nets.own import is_own
from alexnet.runs.folder import RunFolder
from alexnet.runs.predictor import Predictor
from alexnet.training.hooks.metrics_log import read_metrics

CARD = "README.md"
_NAMED_CLASSES = 20


def write_hub_folder(predictor: Predictor, out: Path) -> int:
    """Write a folder that `alexnet.load` and `alexnet predict` take, and that a hub shows with its card.

    Returns:
        Bytes of its files.

    Raises:
        StorageError: the folder exists, or cannot be written.
    """
    config = predictor.config | {
        "library_name": "alexnet",
        "label_names": list(predictor.class_names),
        "num_features": getattr(predictor.net, "num_features", None),
        "pretrained_cfg": _pretrained(predictor.classifier.input),
    }
    with commit_folder(out, (predictor.checkpoint / MODEL).stat().st_size) as folder:
        shutil.copyfile(predictor.checkpoint / MODEL, folder / MODEL)
        (folder / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
        (folder / CARD).write_text(_card(predictor), encoding="utf-8")
    return sum(path.stat().st_size for path in out.iterdir())


def _pretrained(spec: InputSpec) -> dict[str, Any]:
    """Return the input as timm's configs describe it: of pixels from 0 to 1, with one mean a color."""
    mean = spec.mean.reshape(-1, spec.channels).mean(0) / 255
    return {
        "input_size": [spec.channels, spec.crop, spec.crop],
        "mean": [round(float(m), 6) for m in mean],
        "std": [round(1 / (255 * spec.scale), 8)] * spec.channels,
        "interpolation": spec.filter,
        "crop_pct": round(spec.crop / spec.size, 4),
        "crop_mode": "center",
        "mean_is_exact": bool(np.ptp(spec.mean.reshape(-1, spec.channels), axis=0).max() == 0),
    }


def _card(predictor: Predictor) -> str:
    config, spec = predictor.config, predictor.classifier.input
    names = [printable(name).replace("|", "\\|") for name in predictor.class_names]
    more = len(names) - _NAMED_CLASSES
    listed = ", ".join(names[:_NAMED_CLASSES]) + (f", and {more} more" if more > 0 else "")
    model = ", model=FACTORY" if is_own(config["architecture"]) else ""
    run = RunFolder(predictor.checkpoint.parent.parent)
    lines = [
        "---",
        "library_name: alexnet",
        "pipeline_tag: image-classification",
        "tags: [image-classification, alexnet, pytorch]",
        "---",
        "",
        f"# {config['architecture']}, {len(names)} classes",
        "",
        f"Trained with recipe `{config['recipe']}`" + (_training(run) if run.recipe.is_file() else "") + ".",
        "",
        f"- Classes: {listed}.",
        f"- Input: {describe(spec, prepares=True)}; the network sees {spec.crop} x {spec.crop} of them.",
        f"- Parameters: {sum(p.numel() for p in predictor.net.parameters()):,}.",
        "",
        *_results(run),
        "## Use",
        "",
        "```python",
        "import alexnet",
        f'print(alexnet.load("FOLDER"{model}).predict("picture.jpg"))',
        "```",
        "",
    ]
    if run.recipe.is_file():
        lines += ["## Recipe", "", "```toml", run.recipe.read_text(encoding="utf-8").rstrip(), "```", ""]
    return "\n".join(lines)


def _training(run: RunFolder) -> str:
    record = run.read_record()
    made = record["environment"]
    minutes = round(record.get("seconds", 0) / 60)
    data = Path(record["data"]).name
    return (
        f" on `{printable(data)}` (pack {record['pack_digest'][:12]}), {record.get('steps', 0):,} steps in "
        f"{minutes} minutes on {made['device']}, torch {made['torch']}, commit {(made['commit'] or 'unknown')[:10]}"
    )


def _results(run: RunFolder) -> list[str]:
    last: dict[str, dict[str, Any]] = {}
    for line in read_metrics(run.metrics):
        if line.get("kind") == "validation":
            last[line["split"]] = line
    if not last:
        return []
    rows = [
        f"| {split} | {line['count']:,} | {100 * line['top1_error']:.2f} % | {100 * line['top5_error']:.2f} % |"
        for split, line in last.items()
    ]
    return [
        "## Results",
        "",
        "One view of each image, at the end of training.",
        "",
        "| images | count | top-1 error | top-5 error |",
        "| --- | ---: | ---: | ---: |",
        *rows,
        "",
    ]
