"""docs/networks.md is what docs/networks.py writes, and leaves no network out."""

import importlib.util
from itertools import pairwise
from pathlib import Path

import pytest

from alexnet.nets.catalog import NETWORKS

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def networks():
    spec = importlib.util.spec_from_file_location("networks_page", DOCS / "networks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(networks):
    written = (DOCS / "networks.md").read_text(encoding="utf-8")
    assert written == networks.page(), "run: python docs/networks.py"


def test_every_network_is_shown_row_by_row_or_against_a_relative(networks):
    assert sorted([*networks.WHOLE, *networks.VARIANTS]) == sorted(NETWORKS)
    assert set(networks.VARIANTS.values()) <= set(NETWORKS)


def test_variants_lead_back_to_a_network_that_is_shown_whole(networks):
    for name in networks.VARIANTS:
        seen = set()
        while name in networks.VARIANTS:
            assert name not in seen
            seen.add(name)
            name = networks.VARIANTS[name]
        assert name in networks.WHOLE


def test_tables_have_as_many_cells_in_every_line(networks):
    tables, lines = 0, networks.page().splitlines()
    for previous, line in pairwise(lines):
        if previous.startswith("|") and line.startswith("|"):
            assert previous.count("|") == line.count("|"), line
        tables += line.startswith("| ---")
    assert tables == 1 + len(NETWORKS)
