"""CITATION.cff: readable, and of this version."""

import re
from pathlib import Path

from alexnet.core.version import VERSION

TEXT = (Path(__file__).resolve().parents[2] / "CITATION.cff").read_text(encoding="utf-8")


def test_it_is_of_this_version_and_has_what_the_format_needs():
    keys = set(re.findall(r"^([\w-]+):", TEXT, re.MULTILINE))
    assert {"cff-version", "message", "title", "authors"} <= keys
    assert f"\nversion: {VERSION}\n" in TEXT and "family-names: Krizhevsky" in TEXT
