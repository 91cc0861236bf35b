"""docs/distributed.md: its messages are in the code, its commands' recipes and keys exist, no rule is left out."""

import re
from pathlib import Path

import pytest
from messages import GAP, is_said, quoted_messages, words

from alexnet.runs.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
MESSAGES = quoted_messages(TEXT.split("## By message")[1])
BLOCKS = [block.replace("\\\n", " ") for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if "-m alexnet train" in line]


@pytest.mark.parametrize(("message", "module"), MESSAGES)
def test_every_message_is_said_there(message, module):
    assert len(words(message)) >= 3 and is_said(message, module)


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
