"""Writes the site's pages of commands and of recipe keys from the code; docs/conf.py calls it at every build."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from alexnet.classic.config import LocalConfig, SparseCodingConfig
from alexnet.cli.main import VERBS, make_app
from alexnet.nets.edits import Change, Insert, Remove
from alexnet.optim.config import LayerConfig, OptimConfig
from alexnet.optim.schedule import Schedule, Stage
from alexnet.runs.baseline_recipe import SvmConfig, baseline_names, load_baseline
from alexnet.runs.recipe import DataConfig, EvaluateConfig, ModelConfig, Recipe, load_recipe, recipe_names
from alexnet.training.config import CheckpointConfig, TrainConfig
from alexnet.views.config import ViewConfig

FOLDER = Path(__file__).parent / "generated"

_SECTIONS = {
    "model": ModelConfig,
    "data": DataConfig,
    "view": ViewConfig,
    "optim": OptimConfig,
    "optim.layers.NAME": LayerConfig,
    "train": TrainConfig,
    "checkpoint": CheckpointConfig,
    "evaluate": EvaluateConfig,
}

_RECIPES_HEAD = """\
# Recipes

A recipe is a TOML file that decides everything about a run. `alexnet train NAME` takes one of the package,
`alexnet train my.toml` yours, which may begin with `extends = "alexnet"`. `--set section.key=value` changes
any value in place, and each run keeps its recipe, every value written out, as `recipe.toml`.
"""


def write() -> None:
    """Write both pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in (("commands", commands()), ("recipes", recipes())):
        (FOLDER / f"{name}.md").write_text(page, encoding="utf-8", newline="\n")


def commands() -> str:
    """Return the page of all verbs and options, as their help has them."""
    return "\n".join(_commands())


def _commands() -> Iterator[str]:
    yield "# Commands\n"
    yield "Exit codes and messages: [Troubleshooting](../troubleshooting.md). Every verb has `--help`.\n"
    for verb in VERBS:
        app = make_app(verb)[verb]
        for line in app.generate_docs(output_format="markdown", recursive=True).splitlines():
            if line.startswith("#"):
                level, _, name = line.partition(" ")
                yield f"#{level} {name if name.startswith('alexnet') else f'alexnet {name}'}"
            else:
                line = line.replace(" *[default: False]*", "")
                line = line.replace("](#experiment-", "](#alexnet-experiment-")
                yield f"alexnet {line}" if line.startswith(f"{verb} ") else line
        yield ""


def recipes() -> str:
    """Return the page of all keys, and of the recipes in the package."""
    return "\n".join(_recipes())


def _recipes() -> Iterator[str]:
    yield _RECIPES_HEAD
    yield "## In the package\n"
    yield "| recipe | what | network | epochs |\n| --- | --- | --- | ---: |"
    for name in recipe_names():
        recipe = load_recipe(name)
        yield f"| `{name}` | {recipe.summary} | `{recipe.model.name}` | {recipe.train.epochs} |"
    for name in baseline_names():
        yield f"| `{name}` | {load_baseline(name).summary} | | |"
    yield "\n## Keys\n"
    yield from _table(Recipe, skip=(*_SECTIONS, "schedule"))
    for section, kind in _SECTIONS.items():
        yield from _section(f"[{section}]", kind)
    yield "### [[model.edits]]\n\nLayers removed, changed or added, one table each.\n"
    for kind in (Remove, Change, Insert):
        yield from _section(_named(kind), kind, level=4)
    yield "### [schedule]\n\n`kind` chooses one.\n"
    for kind in get_args(Schedule):
        yield from _section(_named(kind), kind, level=4)
    yield from _section("[[schedule.stages]]", Stage, level=4)
    yield "## Keys of baselines\n\n`[data]` as above, and:\n"
    for kind in (LocalConfig, SparseCodingConfig):
        yield from _section(f"[[features]] {_named(kind)}", kind)
    yield from _section("[svm]", SvmConfig)


def _named(kind: type) -> str:
    return f'kind = "{kind.kind}"'


def _section(head: str, kind: type, level: int = 3) -> Iterator[str]:
    yield f"{'#' * level} {head}\n"
    yield f"{inspect.getdoc(kind).splitlines()[0]}\n"
    yield from _table(kind)


def _table(kind: type, skip: tuple[str, ...] = ()) -> Iterator[str]:
    fields = [field for field in dataclasses.fields(kind) if field.name not in skip]
    if not fields:
        return
    words, hints = field_docs(kind), get_type_hints(kind)
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    for field in fields:
        meaning = words.get(field.name, "").replace("|", "\\|")
        yield f"| `{field.name}` | {_type(hints[field.name])} | {_default(field)} | {meaning} |"
    yield ""


def field_docs(kind: type) -> dict[str, str]:
    """Return the text under each field of a dataclass and of those it inherits from."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body
        for item, after in itertools.pairwise(body):
            text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and after.value.value
            if isinstance(item, ast.AnnAssign) and isinstance(text, str):
                found[item.target.id] = " ".join(text.split())
    return found


def _type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(f"`{_toml(value)}`" for value in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_type(kind) for kind in get_args(hint) if kind is not type(None))
    if get_origin(hint) is tuple:
        return f"list of {_type(get_args(hint)[0])}"
    if get_origin(hint) is Mapping:
        return "table"
    return f"`{hint.kind}`" if dataclasses.is_dataclass(hint) and hasattr(hint, "kind") else hint.__name__


def _default(field: dataclasses.Field) -> str:
    if field.default is not dataclasses.MISSING:
        return "" if field.default is None else f"`{_toml(field.default)}`"
    if field.default_factory is not dataclasses.MISSING:
        made = field.default_factory()
        return "" if dataclasses.is_dataclass(made) or not made else f"`{_toml(made)}`"
    return "*stated*"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value)


if __name__ == "__main__":
    write()
