"""docs/troubleshooting.md: its messages are said in the modules it names, its codes are the program's."""

import re
from pathlib import Path

import pytest
from messages import is_said, quoted_messages, words

from alexnet.core import errors

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = quoted_messages(TEXT)
CODES = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}


@pytest.mark.parametrize(("message", "module"), MESSAGES)
def test_every_message_is_said_there(message, module):
    assert words(message) and is_said(message, module)


def test_every_row_of_a_message_is_looked_at():
    rows = re.findall(r"^\| `.*` \| `[\w/.]+` \|", TEXT, re.MULTILINE)
    assert len(rows) == len(MESSAGES) >= 30


def test_every_code_that_an_error_ends_with_is_explained():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")]
    assert kinds and {kind.exit_code for kind in kinds} <= CODES


def test_a_wrong_message_would_be_found():
    assert not is_said("holds no ruin", "runs/folder.py")
