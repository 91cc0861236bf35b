"""docs/distributed.md: its messages are in the code, its commands' recipes and keys exist, no rule is left out."""

import ast
import re
from pathlib import Path

import pytest

from alexnet.runs.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "alexnet"
TEXT = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
GAP = "…"
"""Stands for a value, on the page and here."""
MESSAGES = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", TEXT.split("## By message")[1], re.MULTILINE)
BLOCKS = [block.replace("\\\n", " ") for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if "-m alexnet train" in line]


def texts(path: Path) -> list[str]:
    """Return all strings of a module, with a gap for each value put into them."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return ["".join(_parts(node)) for node in nodes if isinstance(node, ast.JoinedStr | ast.Constant)]


def _parts(node: ast.expr) -> list[str]:
    values = node.values if isinstance(node, ast.JoinedStr) else [node]
    return [str(value.value) if isinstance(value, ast.Constant) else GAP for value in values]


def is_said(message: str, module: str) -> bool:
    return any(message in text for text in texts(SOURCE / module))


@pytest.mark.parametrize(("message", "module"), MESSAGES)
def test_every_message_is_said_there(message, module):
    words = message.replace(f"({GAP})", "").replace(GAP, "").split()
    assert len(words) >= 3 and is_said(message, module)


def test_a_wrong_message_would_be_found():
    assert not is_said(f"{GAP} towers are shared by a multiple of {GAP} processes", "runs/launch.py")
    assert not is_said("several processes take graphed steps", "runs/sharing.py")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_recipe_and_its_keys(command):
    _, _, words = command.split("#")[0].partition("-m alexnet train ")
    recipe, *options = words.split()
    changes = [options[i + 1] for i, word in enumerate(options) if word == "--set"]
    assert load_recipe(recipe, changes).name == recipe


@pytest.mark.parametrize("change", sorted(set(re.findall(r"`(?:--set )?((?:train|optim)\.\w+=\w+)`", TEXT))))
def test_every_change_is_possible(change):
    if change == "train.hybrid_updates=each":
        assert load_recipe("alexnet", [change]).train.hybrid_scheme == "mixed"
    load_recipe("alexnet", [change])


def test_no_rule_is_left_out():
    assert re.findall(r"^\| R(\d+) ", TEXT, re.MULTILINE) == [str(number) for number in range(1, 19)]


def test_there_is_something_to_look_at():
    assert len(MESSAGES) >= 20 and len(COMMANDS) >= 5
