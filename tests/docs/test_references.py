"""Every file, name, network, recipe and command that the documents mention exists."""

import ast
import re
from pathlib import Path

import pytest

from alexnet.cli.main import VERBS
from alexnet.config.load import to_table
from alexnet.experiments.catalog.catalog import EXPERIMENTS
from alexnet.nets.catalog import INITIALIZATIONS, NETWORKS
from alexnet.runs.baseline_recipe import baseline_names, load_baseline
from alexnet.runs.recipe import load_recipe, recipe_names

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "alexnet"
PAGES = sorted(page for page in (ROOT / "docs").glob("*.md") if page.name not in ("report.md", "index.md"))
OF_A_RUN = {"recipe.toml"}
"""Files that a page means in a run's folder."""
WRITTEN_BY_THE_SITE = "generated/"
REFERENCE = re.compile(r"(?P<path>[\w./-]+\.(?:py|toml|md|c))(?:::(?P<name>[\w.-]+))?")
FAMILIES = re.compile(r"(alexnet|cifar10|lenet\d)_\w+|caffenet|zfnet|lenet\d")


def quoted(page: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`]+)`", prose)


def all_quoted() -> list[str]:
    return sorted({text for page in PAGES for text in quoted(page)})


def file_of(path: str) -> Path:
    return (ROOT if path.startswith(("tests/", "docs/", "benchmarks/", "examples/")) else SOURCE) / path


def names_in(tree: ast.Module) -> set[str]:
    """Functions, classes, constants, `Class.member`, and the names of rows."""
    found = set()
    for node in tree.body:
        found |= _defined(node)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for item in node.body for name in _defined(item)}
    rows = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    return found | {
        call.args[0].value
        for call in rows
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def exists(reference: str) -> bool:
    found = REFERENCE.fullmatch(reference)
    path, name = file_of(found["path"]), found["name"]
    if not path.is_file():
        return False
    if name is None:
        return True
    if path.suffix == ".toml":
        value = to_table(load_recipe(path.stem))
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                return False
            value = value[part]
        return path.stem in recipe_names()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name.startswith("test_"):
        return name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return name in names_in(tree)


REFERENCES = [text for text in all_quoted() if REFERENCE.fullmatch(text) and text not in OF_A_RUN]


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_file_and_name_exists(reference):
    assert exists(reference)


def test_there_are_many_references():
    assert len(REFERENCES) > 100
    assert sum("::test_" in reference for reference in REFERENCES) > 50


@pytest.mark.parametrize(
    "wrong",
    [
        "nets/alexnet.py::conv9",
        "nets/alexnots.py",
        "nets/rows.py::Conv.stridee",
        "tests/ops/test_lrn.py::test_nothing",
        "tests/ops/test_lrn.py::activations_x",
        "recipes/alexnet-ilsvrc2012.toml::optim.leraning_rate",
        "recipes/alexnet-ilsvrc2013.toml",
    ],
)
def test_a_wrong_reference_would_be_found(wrong):
    assert not exists(wrong)


@pytest.mark.parametrize("text", [text for text in all_quoted() if FAMILIES.fullmatch(text)])
def test_every_network_exists(text):
    assert text in NETWORKS


@pytest.mark.parametrize("text", [text for text in all_quoted() if text.startswith("alexnet ")])
def test_every_command_is_one(text):
    _, verb, *words = text.split()
    assert verb in VERBS
    if verb == "show":
        assert {word for word in words if not word.isupper()} <= {*NETWORKS, *recipe_names()}
    if verb == "experiment" and words[:1] == ["run"]:
        assert set(words[1:]) <= set(EXPERIMENTS)
    if verb == "train" and words and words[0] in baseline_names():
        load_baseline(words[0])
    elif verb == "train" and words:
        changes = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        recipe = load_recipe(words[0], changes)
        assert recipe.model.name in NETWORKS and recipe.model.init in INITIALIZATIONS


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs" / "index.md"], ids=lambda page: page.name)
def test_links_lead_to_files_and_tables_are_even(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith(("https://", WRITTEN_BY_THE_SITE)):
            assert (page.parent / target).is_file(), target
    columns = None
    for line in text.splitlines():
        if not line.startswith("|"):
            columns = None
            continue
        columns = columns or line.count("|")
        assert line.count("|") == columns and line.endswith("|"), line
