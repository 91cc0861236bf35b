"""docs/scaling.md is what docs/scaling.py writes, and its sentences are what its tables say."""

import importlib.util
from pathlib import Path

import pytest

from alexnet.scaling.forecast import forecasts
from alexnet.scaling.machines import H200, find_machine

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def scaling():
    spec = importlib.util.spec_from_file_location("scaling_page", DOCS / "scaling.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(scaling):
    written = (DOCS / "scaling.md").read_text(encoding="utf-8")
    assert written == scaling.page(), "run: python docs/scaling.py"


def test_tables_have_as_many_cells_in_every_line(scaling):
    columns = None
    for line in scaling.page().splitlines():
        columns = (columns or line.count("|")) if line.startswith("|") else None
        assert columns in (None, line.count("|")), line


def test_the_file_on_the_page_is_a_machine(scaling, tmp_path):
    text = scaling.page().split("```toml\n")[1].split("```")[0]
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    machine = find_machine(str(path))
    assert (machine.name, machine.flops, machine.network.latency) == ("mine", 100e12, 10e-6)


def test_its_conclusions_follow_from_its_tables(scaling):
    most = {
        kind: [scaling._useful(kind, b, H200) for b in (128, 1024)] for kind in ("data", "towers", "hybrid")
    }
    assert all(max(counts) <= H200.ranks_per_node for counts in most.values())
    largest = 1.0
    for batch in scaling.BATCHES:
        for ranks in scaling.RANKS[1:]:
            found = forecasts(scaling.ALEXNET, H200, ranks, batch) if batch >= ranks else []
            data = next((one for one in found if one.scheme.kind == "data"), None)
            if data and batch >= 512 * ranks:
                assert data.step.seconds <= 1.02 * found[0].step.seconds
            if data and batch == 128 * ranks:
                largest = max(largest, data.step.seconds / found[0].step.seconds)
        assert not any(one.scales for one in forecasts(scaling.ALEXNET, H200, 1024, 32_768))
    assert 1.4 < largest < 1.5
