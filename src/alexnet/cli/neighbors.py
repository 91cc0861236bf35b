"""`alexnet neighbors`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import DataError, UsageError


def neighbors(  # noqa: PLR0913 - the command's options
    run: Path,
    *queries: str,
    among: Annotated[list[str], Parameter(consume_multiple=True, negative="")],
    k: int = 6,
    layer: str | None = None,
    split: str = "train",
    index: Literal["exact", "ivf", "hnsw"] = "exact",
    picture: Path | None = None,
    checkpoint: str = "last",
    model: str | None = None,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """The most similar of many pictures, by what a network makes of them (the paper's Figure 4, right).

    Parameters
    ----------
    run
        Folder of a run or of a checkpoint.
    queries
        Pictures, or folders of pictures, to find others for.
    among
        Where to look: pictures and folders, one pack, or a .npy file of `alexnet features`.
    k
        How many to find for each.
    layer
        fc7, pool5, ...; by default what the last layer reads.
    split
        Part of the pack.
    index
        exact compares all; ivf and hnsw (extra `index`) are for very many, and say how many of those they find.
    picture
        Draw them as a PNG file.
    checkpoint
        last, best, or a step.
    model
        What makes the network of a run whose network is your own: package.module:factory.
    device
        auto, cpu, cuda or mps.
    json
        Print one JSON object for each query.
    """
    if not queries:
        raise UsageError("no pictures are given", remedy="alexnet neighbors RUN PICTURE... --among PICTURES")
    if k < 1:
        raise UsageError(f"--k must be at least 1, not {k}")
    from alexnet.evaluation.features import check_layer
    from alexnet.runs.devices import choose_device
    from alexnet.runs.predictor import load
    from alexnet.runs.search import Searched, search

    predictor = load(run, checkpoint, choose_device(device), model=model)
    check_layer(predictor.network, layer)
    failed: list[DataError] = []

    def tell(error: DataError) -> None:
        failed.append(error)
        print(f"alexnet: {error}", file=sys.stderr)

    searched = Searched.of(predictor, among, layer=layer, split=split, failed=tell)
    made = None if index == "exact" else _index(searched, index, k)
    found = search(predictor, queries, searched, k=k, layer=layer, failed=tell, index=made)
    (_print_json if json else _print)(found)
    if picture is not None:
        _draw(found, searched, picture)
    return DataError.exit_code if failed else 0


def _index(searched: Any, kind: Any, k: int) -> Any:
    from alexnet.evaluation.approximate import ApproximateIndex

    made = ApproximateIndex(searched.vectors, kind)
    share = 100 * made.recall(k)
    print(
        f"index {kind}: finds {share:.1f} % of the exact {k} nearest among {len(searched.vectors):,}",
        file=sys.stderr,
    )
    return made


def _print(found: Sequence[Any]) -> None:
    for one in found:
        print(one.query)
        for match in one.matches:
            named = f"  {match.class_name}" if match.class_name else ""
            print(f"  {match.distance:9.4g}  {match.name}{named}")


def _print_json(found: Sequence[Any]) -> None:
    for one in found:
        matches = [
            {"path": m.name, "class_name": m.class_name or None, "distance": m.distance} for m in one.matches
        ]
        print_json({"path": one.query, "neighbors": matches})


def _draw(found: Sequence[Any], searched: Any, out: Path) -> None:
    from alexnet.pictures.neighbors import draw_neighbors

    if searched.pixels is None:
        raise UsageError(
            "pictures cannot be drawn of a file of features", remedy="give --among the pictures themselves"
        )
    rows = [(one.pixels, searched.pixels([m.index for m in one.matches])) for one in found]
    draw_neighbors(rows, out, heads=("nearest",), first="asked")
    print(f"{out}: {len(rows)} rows", file=sys.stderr)
