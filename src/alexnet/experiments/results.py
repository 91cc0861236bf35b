"""What has been measured: a folder for each network or ensemble, of a few kilobytes, without weights.

results/DATA/LABEL-DIGEST/recipe.toml        the whole recipe
                          pretraining.toml   where it starts from another network
                          result.json        measures, data, machine, versions, commit, time
                          *.png              small pictures, where a measure draws one
results/DATA/average-DIGEST/result.json      of an ensemble: which networks, and the measures
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alexnet.core.errors import DataError
from alexnet.core.files import commit_folder
from alexnet.experiments.part import NAME, Average, Network, Part
from alexnet.runs.baseline_recipe import is_baseline, load_baseline
from alexnet.runs.recipe import load_recipe

FORMAT = 1
RESULT, RECIPE, PRETRAINING = "result.json", "recipe.toml", "pretraining.toml"


@dataclass(frozen=True)
class Result:
    """What was measured of one piece of work."""

    folder: Path
    record: Mapping[str, Any]

    @property
    def measures(self) -> Mapping[str, Any]:
        """Numbers and curves by the measure's name."""
        return self.record["measures"]

    @property
    def diverged(self) -> bool:
        """Whether the training ended in numbers that are not finite; then nothing was measured."""
        return "diverged" in self.record

    def value(self, path: str) -> float | None:
        """Return the number at a path of names joined by dots; None where there is none."""
        found: Any = self.measures
        for name in path.split("."):
            if not isinstance(found, Mapping) or name not in found:
                return None
            found = found[name]
        return float(found) if isinstance(found, int | float) else None

    def by_layer(self, path: str) -> dict[str, float]:
        """Return the numbers of weighted layers, in order, at a path; empty where they were not measured."""
        found: Any = self.measures
        for name in path.split("."):
            found = found.get(name, {})
        return {name: number for name, number in found.items() if name.startswith(("conv", "fc", "local"))}

    def curve(self, name: str) -> list[float]:
        """Return a number for each epoch; empty where it was not measured."""
        return list(self.measures.get("curves", {}).get(name, []))

    def pictures(self) -> list[Path]:
        """Return the pictures that came with it."""
        return sorted(self.folder.glob("*.png"))


class Results:
    """All results below a folder, found by what they are results of.

    Recipes are compared as this version reads them: a recipe stored before a key was added is the one with the key's
    default.
    """

    def __init__(self, root: Path):
        self.root = Path(root)
        self._found: dict[str, Result] = {}
        found = [read_result(path) for path in sorted(self.root.glob(f"*/*/{RESULT}"))]
        parts = {r.folder.name: _network(r) for r in found if "networks" not in r.record}
        for result in found:
            part = parts.get(result.folder.name) or _average(result, parts)
            if part is not None:
                self._found[part.digest] = result

    def __iter__(self) -> Iterator[Result]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def find(self, part: Part) -> Result | None:
        """Return the result of a piece of work, if it has been done."""
        return self._found.get(part.digest)

    def lacks(self, part: Part, measures: tuple[str, ...]) -> bool:
        """Say whether a piece has not been done, or not been measured in all of these ways."""
        result = self.find(part)
        if result is None:
            return True
        return not result.diverged and any(name not in result.measures for name in measures)

    def add(self, part: Part, record: Mapping[str, Any], pictures: Mapping[str, bytes]) -> Result:
        """Store a result; one of the same piece that is there is replaced, also one whose networks are gone.

        Raises:
            StorageError: it cannot be written.
        """
        old = self.find(part)
        # A folder keeps its name: ensembles refer to their networks by it.
        folder = old.folder if old else self.root / part.data / folder_name(part)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        with commit_folder(folder) as temporary:
            for name, content in self._files(part, {"format": FORMAT} | dict(record)).items():
                (temporary / name).write_text(content, encoding="utf-8", newline="\n")
            for name, data in pictures.items():
                (temporary / name).write_bytes(data)
        result = read_result(folder / RESULT)
        self._found[part.digest] = result
        return result

    def _files(self, part: Part, record: dict[str, Any]) -> dict[str, str]:
        record |= {"label": part.label}
        files = {}
        if isinstance(part, Average):
            networks = [self.find(network) for network in part.networks]
            record["networks"] = [result.folder.name for result in networks if result]
        else:
            files[RECIPE] = part.recipe.to_toml()
            if part.pretraining:
                record["pretraining_data"] = part.pretraining.data
                files[PRETRAINING] = part.pretraining.recipe.to_toml()
        return files | {RESULT: _written(record)}


def folder_name(part: Part) -> str:
    """Return what a result's folder is called: words for a person, and enough of the digest."""
    words = re.sub(r"[^a-z0-9]+", "-", part.label.lower()).strip("-")[:48].strip("-")
    return f"{words}-{part.digest[:10]}"


def read_part(folder: Path) -> Part:
    """Return what a result's folder is the result of.

    Raises:
        DataError: it is not one, or one of an ensemble's networks is missing beside it.
    """
    result = read_result(folder / RESULT)
    if "networks" not in result.record:
        return _network(result)
    names = result.record["networks"]
    beside = {name: _network(read_result(folder.parent / name / RESULT)) for name in names}
    average = _average(result, beside)
    assert average is not None
    return average


def _network(result: Result) -> Network:
    folder, record = result.folder, result.record
    load = load_baseline if is_baseline(folder / RECIPE) else load_recipe
    recipe = replace(load(folder / RECIPE), name=NAME, summary="")
    pretraining = None
    if (folder / PRETRAINING).is_file():
        first = replace(load_recipe(folder / PRETRAINING), name=NAME, summary="")
        pretraining = Network(f"{record['label']}, pretraining", first, record["pretraining_data"])
    return Network(record["label"], recipe, record["data"]["name"], pretraining)


def _average(result: Result, networks: Mapping[str, Network]) -> Average | None:
    """Return the ensemble, unless the result of one of its networks is gone."""
    names = result.record["networks"]
    if any(name not in networks for name in names):
        return None
    return Average(result.record["label"], tuple(networks[name] for name in names))


def read_result(path: Path) -> Result:
    """Read a result.json.

    Raises:
        DataError: it is none.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT or not isinstance(record["measures"], dict):
            raise ValueError(f"format {record['format']!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"is no result ({error})", where=path, remedy="remove its folder to do it again"
        ) from None
    return Result(path.parent, record)


def _written(record: Mapping[str, Any]) -> str:
    """Return JSON with a line for each of the record's and its measures' entries."""
    lines = []
    for name, value in record.items():
        if name == "measures":
            inner = ",\n".join(f'  "{k}": {json.dumps(v, ensure_ascii=False)}' for k, v in value.items())
            lines.append(f' "measures": {{\n{inner}\n }}')
        else:
            lines.append(f' "{name}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"
