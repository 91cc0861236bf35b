"""Between TOML and frozen dataclasses, in both directions; every mistake is answered with its dotted key."""

from __future__ import annotations

import dataclasses
import reprlib
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from alexnet.core.errors import RecipeError
from alexnet.core.names import nearest

T = TypeVar("T")

_ALIASES = {"learning_rate": "lr", "num_epochs": "epochs", "batchsize": "batch_size", "crop_size": "crop"}
"""What people call a key elsewhere."""
_DEEPEST = 32
"""Tables and lists in one another; recipes have four."""
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        RecipeError: it is missing, unreadable or not TOML; names the line.
    """
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot be read ({error.strerror})", where=path) from None
    except ValueError as error:
        raise RecipeError(f"is not valid TOML: {error}", where=path) from None


def _parsed(text: str) -> dict[str, Any]:
    """Return the values of a TOML text; raises ValueError for all that is wrong with it."""
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    layer: list[Any] = [table]
    for _ in range(_DEEPEST):
        layer = [item for value in layer for item in _inside(value)]
        if not layer:
            return table
    raise ValueError("nested too deeply")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def build(kind: type[T], table: Mapping[str, Any], where: str = "") -> T:
    """Build a dataclass from a table of plain values.

    A field that is a union of dataclasses is chosen by the table's `kind` key. A class attribute `kind` of each
    dataclass names it.

    Raises:
        RecipeError: unknown key (with the nearest known one), wrong type, refused value or missing key.
    """
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    values = {}
    for name, value in table.items():
        key = f"{where}{name}"
        if name == "kind" and value == getattr(kind, "kind", None):
            continue
        if name not in fields:
            raise RecipeError("unknown key", where=key, remedy=_suggestion(name, where, list(fields)))
        values[name] = _convert(hints[name], value, key)
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise RecipeError("is missing", where=f"{where}{name}", remedy="add it to the recipe")
    try:
        return kind(**values)
    except ValueError as error:
        raise RecipeError(str(error), where=where.rstrip(".") or kind.__name__) from None


def _suggestion(name: str, where: str, known: list[str]) -> str:
    aliases = {alias: key for alias, key in _ALIASES.items() if key in known}
    suggestion = nearest(name, [*known, *aliases], prefix=where)
    for alias, key in aliases.items():
        suggestion = suggestion.replace(f"'{where}{alias}'", f"'{where}{key}'")
    return suggestion if suggestion.startswith("did") else nearest(name, known, prefix=where)


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` laid over it, table by table; another `kind` replaces its table whole."""
    merged = dict(base)
    for name, value in changes.items():
        old = merged.get(name)
        if (
            isinstance(old, Mapping)
            and isinstance(value, Mapping)
            and value.get("kind", old.get("kind")) == old.get("kind")
        ):
            merged[name] = merge(old, value)
        else:
            merged[name] = value
    return merged


def parse_assignment(text: str) -> dict[str, Any]:
    """Read one `--set a.b=value`; the value is TOML, or a bare string.

    Raises:
        RecipeError: there is no key or no equals sign, or the value is nested too deeply.
    """
    key, equals, value = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise RecipeError(f"{text!r} is not key=value", where="--set", remedy="write e.g. --set optim.lr=0.02")
    if len(parts) > _DEEPEST:
        raise RecipeError("the key is nested too deeply", where="--set")
    try:
        parsed = _parsed(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    except ValueError as error:
        raise RecipeError(f"the value is refused: {error}", where=f"--set {key.strip()}") from None
    for part in reversed(parts):
        parsed = {part: parsed}
    return parsed


def to_table(value: Any) -> Any:
    """Return the plain values of a dataclass, its `kind` included, without the keys that are None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        table = {"kind": value.kind} if isinstance(getattr(value, "kind", None), str) else {}
        for field in dataclasses.fields(value):
            if (item := getattr(value, field.name)) is not None:
                table[field.name] = to_table(item)
        return table
    if isinstance(value, Mapping):
        return {name: to_table(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_table(item) for item in value]
    return value


def to_toml(table: Mapping[str, Any]) -> str:
    """Write nested plain values as TOML: numbers, strings, booleans, lists and tables."""
    lines: list[str] = []
    _write_table(table, (), lines)
    return "\n".join(lines).strip() + "\n"


def _write_table(table: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    plain = {k: v for k, v in table.items() if not _is_table(v)}
    if path and (plain or not table):
        lines += ["", f"[{'.'.join(map(_bare, path))}]"]
    lines += [f"{_bare(name)} = {_scalar(value)}" for name, value in plain.items()]
    for name, value in table.items():
        if isinstance(value, Mapping):
            _write_table(value, (*path, name), lines)
        elif _is_table(value):
            for item in value:
                lines += ["", f"[[{'.'.join(map(_bare, (*path, name)))}]]"]
                lines += [f"{_bare(k)} = {_scalar(v)}" for k, v in item.items()]


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )


def _bare(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _scalar(name)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return '"' + "".join(_escaped(c) for c in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_bare(k)} = {_scalar(v)}" for k, v in value.items()) + " }"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if character <= "\uffff" else f"\\U{ord(character):08x}"


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _convert_union(arguments, value, where)
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in arguments):
            raise RecipeError(
                f"{_SHORT.repr(value)} is not a choice",
                where=where,
                remedy=nearest(str(value), map(str, arguments)),
            )
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise RecipeError(f"expected a list, found {_SHORT.repr(value)}", where=where)
        return tuple(_convert(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin in (dict, Mapping) or origin is typing.get_origin(Mapping[str, int]):
        if not isinstance(value, Mapping):
            raise RecipeError(f"expected a table, found {_SHORT.repr(value)}", where=where)
        return {name: _convert(arguments[1], item, f"{where}.{name}") for name, item in value.items()}
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise RecipeError(f"expected a table, found {_SHORT.repr(value)}", where=where)
        return build(hint, value, where.rstrip(".") + ".")
    return _convert_scalar(hint, value, where)


def _convert_union(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    choices = tuple(choice for choice in choices if choice is not type(None))
    if len(choices) == 1:
        return _convert(choices[0], value, where)
    kinds = {choice.kind: choice for choice in choices if dataclasses.is_dataclass(choice)}
    if kinds and isinstance(value, Mapping):
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            what = "is missing" if kind is None else f"{_SHORT.repr(kind)} is not a kind"
            raise RecipeError(what, where=f"{where}.kind", remedy=nearest(str(kind), kinds))
        return build(kinds[kind], value, where + ".")
    for choice in choices:
        if not dataclasses.is_dataclass(choice):
            try:
                return _convert(choice, value, where)
            except RecipeError:
                continue
    raise RecipeError(f"{_SHORT.repr(value)} does not fit here", where=where)


def _convert_scalar(hint: type, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise RecipeError(f"expected {_named(hint)}, found {_SHORT.repr(value)}", where=where)
    return value


def _named(hint: type) -> str:
    return {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}.get(
        hint, hint.__name__
    )
