"""`alexnet evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.allocator import keep_freed_memory


def evaluate(  # noqa: PLR0913 - the command's options
    *runs: Path,
    data: str | None = None,
    split: str = "val",
    views: int | None = None,
    checkpoint: str = "last",
    model: str | None = None,
    batch_size: int = 64,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Top-1 and top-5 error of a run, or of several runs as an ensemble.

    Parameters
    ----------
    runs
        Folders of runs or checkpoints; several average their probabilities.
    data
        A pack or a source; by default the pack the first run was trained on.
    split
        Part of the data.
    views
        1, 5, 9 or 10 crops of each picture; by default the recipe's published protocol.
    checkpoint
        last, best, or a step.
    model
        What makes the network of a run whose network is your own: package.module:factory.
    batch_size
        Images per forward pass.
    device
        auto, cpu, cuda or mps.
    json
        Print one JSON object.
    """
    from alexnet.core.errors import UsageError

    if not runs:
        raise UsageError("no run is given", remedy="alexnet evaluate RUN")
    keep_freed_memory()
    from alexnet.evaluation.advice import advice
    from alexnet.evaluation.report import class_table, confusion_name, summary
    from alexnet.runs.devices import choose_device
    from alexnet.runs.evaluation import evaluate_shown, evaluation_images, load_ensemble

    place = choose_device(device)
    predictors = load_ensemble(runs, checkpoint, place, model)
    pack, images = evaluation_images(predictors[0], runs[0], data, split)
    num_views = views or predictors[0].config.get("views", 1)
    result = evaluate_shown("evaluating", predictors, images, num_views=num_views, batch_size=batch_size)
    facts: dict[str, Any] = summary(result) | {
        "num_views": num_views,
        "split": split,
        "checkpoint": [str(p.checkpoint) for p in predictors]
        if len(runs) > 1
        else str(predictors[0].checkpoint),
        "data": str(pack.path),
    }
    facts["advice"] = advice(result, pack.class_names, _in_training(pack, split))
    picture = _draw(result, pack, Path(runs[0]), confusion_name(split, num_views, len(runs)))
    if json:
        print_json(facts | {"confusion_picture": picture, "classes": class_table(result, pack.classes)})
        return 0
    _print(result, facts, pack, picture)
    return 0


def _print(result: Any, facts: dict[str, Any], pack: Any, picture: str | None) -> None:
    from alexnet.core.terminal import percent, table
    from alexnet.evaluation.report import class_table

    rows = class_table(result, pack.class_names)
    shown = sorted(rows, key=lambda row: -(row["top1_error"] or 0))
    if len(shown) > 20:
        print("the 20 classes with the highest error:")
    table(
        ("class", "images", "top-1 error", "most often taken for"),
        [
            (r["class"], r["images"], percent(r["top1_error"]) if r["images"] else "-", r["taken_for"] or "-")
            for r in shown[:20]
        ],
    )
    low, high = facts["top1_error_ci95"]
    top5 = "" if facts["top5_error"] is None else f", top-5 error {100 * facts['top5_error']:.2f} %"
    views = "1 view" if facts["num_views"] == 1 else f"{facts['num_views']} views"
    print(
        f"top-1 error {100 * facts['top1_error']:.2f} % (95 %: {100 * low:.2f} .. {100 * high:.2f}){top5}"
        f"   ({facts['num_images']} images of {facts['split']}, {views})"
    )
    for sentence in facts["advice"]:
        print(sentence)
    if picture:
        print(f"confusion: {picture}")


def _in_training(pack: Any, split: str) -> int:
    """Return how many pictures of a split are in the training split too."""
    from alexnet.data.audit import find_duplicates

    if split == "train" or "train" not in pack.splits:
        return 0
    names = ("train", split)
    return find_duplicates({name: pack.split(name).digests for name in names}, limit=1).counts[names]


def _draw(result: Any, pack: Any, folder: Path, name: str) -> str | None:
    import sys

    from alexnet.core.errors import AlexNetError
    from alexnet.pictures.confusion import draw_confusion

    out = folder / name
    try:
        draw_confusion(result.confusion, list(pack.class_names), out, title="confusion")
    except AlexNetError as error:
        print(f"no confusion picture: {error}", file=sys.stderr)
        return None
    return str(out)
