"""Changes to JSON, TOML and lists that mostly stay well-formed, so that what reads the values meets them."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from mutate_bytes import havoc, number

_TEXTS = (
    "",
    "x",
    "..",
    "../x",
    "/x",
    "\0",
    "\x1b[31m",
    "a\nb",
    "nan",
    "1e999",
    "\ud800",
    "고양이",
    "alexnet",
    "x" * 300,
    "%s{0}",
)
_WORDS = ("kind", "name", "extends", "model", "data", "seed", "table", "files", "__class__", "window", "format")


def value(rng: Random, deep: int = 2) -> Any:
    """Return a plain value that programs do not expect."""
    kind = rng.randrange(11)
    if kind < 3:
        return number(rng) * rng.choice((1, 1, 1, -1))
    if kind == 3:
        return rng.choice((0.0, -0.0, 1e-320, 1e308, 0.5, -1.5))
    if kind == 4:
        return rng.choice((float("nan"), float("inf"), -float("inf"), 10**400))
    if kind == 5:
        return rng.choice((True, False, None))
    if kind < 8 or not deep:
        return rng.choice(_TEXTS)
    if kind == 8:
        return [value(rng, deep - 1) for _ in range(rng.randrange(5))]
    if kind == 9:
        return {rng.choice((*_WORDS, *_TEXTS)): value(rng, deep - 1) for _ in range(rng.randrange(3))}
    return []


def change_tree(rng: Random, tree: Any) -> Any:
    """Change one place of plain values."""
    places: list[tuple[Any, Any]] = []
    _collect(tree, places)
    if not places:
        return value(rng)
    holder, key = rng.choice(places)
    kind = rng.randrange(8)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice((*_WORDS, *_TEXTS))] = holder.pop(key)
    elif kind == 2 and isinstance(holder, list):
        holder.extend([holder[key]] * rng.randrange(1, 4))
    elif kind == 3:
        _, (theirs, name) = None, rng.choice(places)
        holder[key] = json.loads(_dumps(theirs[name])) if key != name or theirs is not holder else value(rng)
    elif kind < 6 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] = number(
            rng, int(min(max(holder[key], -(2**60)), 2**60)) if holder[key] == holder[key] else 0
        )
    else:
        holder[key] = value(rng)
    return tree


def _collect(tree: Any, places: list[tuple[Any, Any]]) -> None:
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        places.append((tree, key))
        if len(places) < 2000:
            _collect(tree[key], places)


def _dumps(tree: Any) -> str:
    return json.dumps(tree, separators=(",", ":"))


def json_text(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change a JSON document: its values mostly, now and then its text."""
    if rng.random() < 0.1:
        return havoc(rng, data, other)
    if rng.random() < 0.01:
        deep = rng.choice((50, 900, 3000))
        return b"[" * deep + data + b"]" * deep
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return havoc(rng, data, other)
    try:
        for _ in range(rng.choice((1, 1, 2, 3))):
            tree = change_tree(rng, tree)
        return _dumps(tree).encode("utf-8", "surrogatepass")
    except RecursionError:
        return havoc(rng, data, other)


def toml_text(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change the values, keys or lines of a TOML document."""
    if rng.random() < 0.1:
        return havoc(rng, data, other)
    lines = data.decode("utf-8", "replace").split("\n")
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        key, equals, _ = lines[at].partition("=")
        kind = rng.randrange(9)
        if kind == 0:
            lines.insert(rng.randrange(len(lines) + 1), lines[at])
        elif kind == 1:
            del lines[at]
            lines = lines or [""]
        elif kind == 2:
            lines.insert(at, f"{rng.choice(_WORDS)} = {_toml_value(rng, 2)}")
        elif kind == 3:
            lines.insert(at, rng.choice(("[x]", "[[model.edits]]", "[data]", "[a.b.c]", "[[x]]", "[model]")))
        elif kind == 4 and equals:
            deep = rng.choice((3, 40, 600))
            lines[at] = rng.choice((f"{key}={'[' * deep}{']' * deep}", f"{key.strip()}{'.a' * deep} = 1"))
        elif equals:
            lines[at] = f"{key}= {_toml_value(rng, 2)}"
        else:
            lines[at] = re.sub(r"\w+", rng.choice((*_WORDS, "x")), lines[at], count=1)
    return "\n".join(lines).encode()


def _toml_value(rng: Random, deep: int) -> str:
    kind = rng.randrange(9)
    if kind < 3:
        return str(number(rng) * rng.choice((1, 1, -1)))
    if kind == 3:
        return rng.choice(("nan", "inf", "-inf", "1e999", "0x7fffffffffffffffff", "0.5", "-1.5", "9" * 5000))
    if kind == 4:
        return rng.choice(("true", "false", "1979-05-27T07:32:00Z", "07:32:00"))
    if kind < 7 or not deep:
        return (
            '"'
            + rng.choice(("", "x", "alexnet", "..", "\\u0000", "\\u001b[31m", "own", "native", "x" * 300))
            + '"'
        )
    if kind == 7:
        return "[" + ", ".join(_toml_value(rng, deep - 1) for _ in range(rng.randrange(4))) + "]"
    pairs = (f"{word} = {_toml_value(rng, deep - 1)}" for word in rng.sample(_WORDS, rng.randrange(3)))
    return "{ " + ", ".join(pairs) + " }"


def list_text(rng: Random, data: bytes, other: bytes) -> bytes:
    """Change the fields of a CSV, or its text."""
    if rng.random() < 0.4:
        return havoc(rng, data, other)
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    fields = lines[at].split(b",")
    odd = (
        b"",
        b'"',
        b'"a""b"',
        b"../x.png",
        b"/etc/hostname",
        b"\0",
        b"=1+1",
        b"\xff\xfe",
        b"x" * 400,
        b"train",
        b"a,b",
    )
    fields[rng.randrange(len(fields))] = rng.choice(odd)
    lines[at] = b",".join(fields)
    if rng.random() < 0.3:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return rng.choice((b"\n", b"\n", b"\r\n", b"\r")).join(lines)
