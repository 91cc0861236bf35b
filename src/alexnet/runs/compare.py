"""What distinguishes runs: their recipes, and how they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alexnet.config.load import read_toml
from alexnet.core.errors import UsageError
from alexnet.metrics.paired import difference_interval
from alexnet.runs.folder import RunFolder
from alexnet.training.hooks.metrics_log import read_metrics


@dataclass(frozen=True)
class Compared:
    """A run as it is compared.

    Attributes:
        recipe: Every value by its dotted key.
        last: The last validation of each split.
        metrics: Lines of metrics.jsonl.
    """

    folder: Path
    recipe: Mapping[str, Any]
    record: Mapping[str, Any]
    last: Mapping[str, Mapping[str, Any]]
    metrics: Sequence[Mapping[str, Any]]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name


@dataclass(frozen=True)
class ErrorDifference:
    """How much higher a run's top-1 error is than the first run's."""

    run: str
    split: str
    difference: float
    low: float
    """Lower end of the 95 % interval."""
    high: float
    paired: bool
    """Whether it is of the same images, image by image."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out no difference."""
        return not self.low <= 0 <= self.high


def read_run(path: Path) -> Compared:
    """Read a run's recipe, record and metrics.

    Raises:
        UsageError: the folder holds no run.
    """
    folder = RunFolder(path)
    if not folder.recipe.is_file():
        raise UsageError("holds no run", where=path, remedy="give the folder that `alexnet train` named")
    metrics = read_metrics(folder.metrics)
    last = {str(line.get("split")): line for line in metrics if line.get("kind") == "validation"}
    return Compared(path, _flat(read_toml(folder.recipe)), folder.read_record(), last, metrics)


def recipe_differences(runs: Sequence[Compared]) -> dict[str, list[Any]]:
    """Return the keys whose values are not the same in all recipes, with each run's; None where it has none."""
    keys = dict.fromkeys(key for run in runs for key in run.recipe)
    rows = {key: [run.recipe.get(key) for run in runs] for key in keys if key not in ("name", "summary")}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}


def last_differences(runs: Sequence[Compared]) -> list[ErrorDifference]:
    """Return each run's last error less the first run's, by their counts, for every split that both have.

    The intervals are those of independent images: where the images are the same, they are too wide.
    """
    first, found = runs[0], []
    for run in runs[1:]:
        for split in first.last:
            if split not in run.last:
                continue
            lines = run.last[split], first.last[split]
            counts = lines[0]["count"], lines[1]["count"]
            errors = tuple(round(line["top1_error"] * line["count"]) for line in lines)
            low, high = difference_interval(errors, counts)  # type: ignore[arg-type]
            difference = lines[0]["top1_error"] - lines[1]["top1_error"]
            found.append(ErrorDifference(run.name, split, difference, low, high, paired=False))
    return found


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return flat
