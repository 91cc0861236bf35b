"""Frozen dataclasses to JSON and back, losslessly one way and strictly the other.

Writing keeps every string, undecodable file names included: what cannot be printed is escaped, so that a
listing is safe to look at. Reading accepts exactly the declared fields and types: nothing missing, nothing
unknown, no duplicate keys, no NaN.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any


def to_json(value: object, *, indent: int | None = None) -> bytes:
    """Return the UTF-8 JSON of a dataclass or of plain values; floats keep every bit."""
    text = json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text).encode()


def canonical_json(value: object) -> bytes:
    """Return JSON that depends on the values alone: keys sorted, no spaces, ASCII. The input of digests."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def parse_json(data: bytes) -> Any:
    """Return the plain values of UTF-8 JSON.

    Raises:
        ValueError: not UTF-8, not JSON, nested too deeply, a key that occurs twice, NaN or an infinity.
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def from_plain(kind: Any, value: Any, name: str = "it") -> Any:
    """Return plain JSON values as `kind`: a dataclass, tuple, dict, optional or scalar type.

    Args:
        name: What `value` is called in messages, e.g. "manifest".

    Raises:
        ValueError: a field is missing, unknown or of another type; names it.
    """
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, name)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return _tuple(arguments, value, name)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise ValueError(f"{name} is not an object")
        return {key: from_plain(arguments[1], item, f"{name}.{key}") for key, item in value.items()}
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (kind,) = (a for a in arguments if a is not type(None))
        return from_plain(kind, value, name)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise ValueError(f"{name} is not a {kind.__name__}")
    return value


def _dataclass(kind: Any, value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")
    fields = _fields(kind)
    if missing := [field for field in fields if field not in value]:
        raise ValueError(f"{name} lacks {missing[0]}")
    if unknown := [field for field in value if field not in fields]:
        raise ValueError(f"{name} has the unknown field {unknown[0]!r}")
    return kind(**{field: from_plain(fields[field], value[field], f"{name}.{field}") for field in fields})


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields; resolving annotations is slow."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _tuple(kinds: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is not a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{name} has {len(value)} elements instead of {len(kinds)}")
    return tuple(from_plain(kind, item, name) for kind, item in zip(kinds, value, strict=True))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number")
