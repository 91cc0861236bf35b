"""README.ko.md: the commands, the pictures and the figures of README.md, in its order."""

import re

import pytest
from page_commands import ROOT, blocks

HERE, THERE = ROOT / "README.md", ROOT / "README.ko.md"
NUMBER = re.compile(r"(?<![\w.])[+-]?\d[\d,.]*\d|(?<![\w.])\d(?![\w.])")


def code(path):
    return [(block.kind, block.why_not, bare(block)) for block in blocks(path)]


def bare(block):
    return [re.sub(r"\s+#.*", "", line) for line in block.lines]


def figures(path):
    """Numbers of each table's row, without what stands in code."""
    rows = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [sorted(NUMBER.findall(re.sub(r"`[^`]*`", "", row))) for row in rows]


def test_the_commands_are_the_same():
    assert code(THERE) == code(HERE)


def test_the_pictures_are_the_same():
    one, other = (
        re.findall(r"!\[[^\]]*\]\(([^)]*)\)", path.read_text(encoding="utf-8")) for path in (HERE, THERE)
    )
    assert one == other


def test_the_tables_have_the_same_numbers():
    assert len(figures(HERE)) > 20
    for row, (one, other) in enumerate(zip(figures(HERE), figures(THERE), strict=True)):
        assert [n for n in one if "." in n or "," in n] == [n for n in other if "." in n or "," in n], row


@pytest.mark.parametrize("heading", re.findall(r"^#+ .*", HERE.read_text(encoding="utf-8"), re.MULTILINE))
def test_no_section_is_missing(heading):
    level = heading.split()[0]
    counts = [
        len(re.findall(rf"^{level} ", p.read_text(encoding="utf-8"), re.MULTILINE)) for p in (HERE, THERE)
    ]
    assert counts[0] == counts[1]
