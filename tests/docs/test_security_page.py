"""SECURITY.md and docs/faults.md: every test and file they name exists, figures are those of the result files."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.findall(
    r"^\| (.+) \| `(tests/[\w/.]+)::(\w+)` \|$", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE
)
FIGURES = (ROOT / "docs" / "faults.md").read_text("utf-8")


@pytest.mark.parametrize(("incident", "path", "name"), ROWS, ids=[name for _, _, name in ROWS])
def test_the_test_of_an_incident_exists(incident, path, name):
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_no_row_is_passed_over():
    table = (ROOT / "SECURITY.md").read_text("utf-8").split("## From incident to test")[1]
    assert len(re.findall(r"^\| .*`tests/", table, re.MULTILINE)) == len(ROWS) > 40


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "faults").glob("*.json")), ids=lambda path: path.name)
def test_a_result_file_is_told_with_its_commit(path):
    told = json.loads(path.read_text("utf-8"))
    assert f"faults/{path.name}" in FIGURES and told["commit"][:10] in FIGURES and told["date"] in FIGURES
