"""What an installation brings: little beside torch, nothing unused, and all that modules import at their top."""

import ast
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "alexnet"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LIMIT = 150_000_000
"""Bytes on disk of all that is installed beside torch and what torch itself needs."""


def everything_needed(requirements: Iterable[str]) -> set[str]:
    """Return the names of the distributions that requirements bring on this machine, those of theirs included."""
    waiting, seen = [Requirement(text) for text in requirements], set()
    while waiting:
        one = waiting.pop()
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key not in seen:
            seen.add(key)
            further = [Requirement(text) for text in metadata.requires(one.name) or ()]
            extras = ("", *one.extras)
            waiting += [
                r for r in further if not r.marker or any(r.marker.evaluate({"extra": e}) for e in extras)
            ]
    return {name for name, _ in seen}


def size_of(name: str) -> int:
    """Return the bytes of a distribution's files."""
    files = [Path(file.locate()) for file in metadata.files(name) or ()]
    return sum(file.stat().st_size for file in files if file.is_file())


def top_level_imports(folders_left_out: Iterable[str]) -> set[str]:
    """Return the packages that our modules import as soon as they are imported themselves."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        if not path.relative_to(SOURCE).as_posix().startswith(tuple(folders_left_out)):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"alexnet"}


def test_little_is_installed_beside_torch():
    beside = everything_needed(PROJECT["dependencies"]) - everything_needed(["torch"])
    sizes = {name: size_of(name) for name in beside}
    sizes["alexnet"] = sum(f.stat().st_size for f in SOURCE.rglob("*") if f.is_file() and f.suffix != ".pyc")
    assert min(sizes.values()) > 0
    assert sum(sizes.values()) < LIMIT, sorted(sizes.items(), key=lambda item: -item[1])


@pytest.mark.parametrize("needed", PROJECT["dependencies"])
def test_every_dependency_is_used(needed):
    name = canonicalize_name(Requirement(needed).name)
    modules = {
        m for m, names in metadata.packages_distributions().items() if name in map(canonicalize_name, names)
    }
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    assert any(f"{word} {module}" in text for word in ("import", "from") for module in modules)


def test_what_is_not_brought_is_imported_where_it_is_used():
    """A module that imports an extra at its top would be lost to those who do without; a server is nothing without."""
    brought = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    found = metadata.packages_distributions()
    for module in top_level_imports(("bench/peers/", "gpu/kernels/", "serving/")):
        assert brought & set(map(canonicalize_name, found.get(module, ()))), module
