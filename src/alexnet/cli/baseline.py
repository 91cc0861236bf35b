"""`alexnet train` of a baseline's recipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.cli.output import print_json
from alexnet.core.errors import UsageError

if TYPE_CHECKING:
    from alexnet.runs.baseline_recipe import BaselineRecipe
    from alexnet.runs.train import RunResult

_SMOKE_IMAGES = 240


def fit(
    name: str,
    data: str,
    output_dir: Path | None,
    changes: Sequence[str],
    of_networks: Mapping[str, object],
    **options: Any,
) -> int:
    """Fit a baseline; return the exit code.

    Args:
        of_networks: Options that mean nothing here, by name; refused where given.
        options: `format`, `dry_run`, `smoke`, `json`, as of `alexnet train`.
    """
    from alexnet.config.load import to_table
    from alexnet.data.sources.options import SourceOptions
    from alexnet.runs import baseline
    from alexnet.runs.baseline_recipe import load_baseline
    from alexnet.runs.data import open_data
    from alexnet.runs.places import new_run_folder

    if given := [option for option, value in of_networks.items() if value is not None]:
        raise UsageError(f"{name} is not trained in steps; leave out {', '.join(given)}")
    recipe = load_baseline(name, changes)
    source = SourceOptions(val_fraction=recipe.data.val_fraction, seed=recipe.seed, subset=True)
    pack = open_data(data, recipe.data, source, format=options["format"])
    images = len(pack.split("train"))
    if options["smoke"]:
        recipe = _smoke(recipe, images)
    if options["dry_run"]:
        kept = min(recipe.data.limit_train or images, images)
        if options["json"]:
            print_json({"recipe": to_table(recipe), "estimate": baseline.estimate(recipe, kept)})
        else:
            print(f"{recipe.to_toml()}\n# {baseline.estimate(recipe, kept)}")
        return 0
    return _report(baseline.start(recipe, pack, output_dir or new_run_folder(recipe.name)), options["json"])


def go_on(path: Path, json: bool) -> int:
    """Go on with a baseline that was stopped; return the exit code."""
    from alexnet.data.pack.read import Pack
    from alexnet.runs import baseline

    return _report(baseline.resume(path, Pack.open), json)


def _smoke(recipe: BaselineRecipe, images: int) -> BaselineRecipe:
    """Return the recipe cut down to a few pictures and words, to see that it runs."""
    from alexnet.classic.config import Fisher, Llc, LocalConfig

    features = tuple(
        replace(
            one,
            samples=4000,
            encoder=Fisher(components=8) if isinstance(one.encoder, Fisher) else Llc(words=32),
        )
        if isinstance(one, LocalConfig)
        else replace(one, atoms=32, patches=2000, batch=200, sweeps=5)
        for one in recipe.features
    )
    holdout = min(_SMOKE_IMAGES // 4, images // 4)
    data = replace(
        recipe.data, holdout=holdout, limit_train=min(_SMOKE_IMAGES, images - holdout), limit_val=holdout
    )
    return replace(recipe, features=features, data=data, images=200, svm=replace(recipe.svm, iterations=20))


def _report(result: RunResult, json: bool) -> int:
    if json:
        print_json(asdict(result))
        return 0
    for line in result.validations:
        print(f"{line['split']}: top-1 error {100 * line['top1_error']:.2f} % ({line['count']} images)")
    print(f"run: {result.folder}")
    print(
        f"next: alexnet evaluate {result.folder}   alexnet predict {result.folder} PICTURE...", file=sys.stderr
    )
    return 0
