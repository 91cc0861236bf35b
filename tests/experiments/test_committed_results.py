"""The results in the repository: whole, small, and of experiments that there are."""

from pathlib import Path

import pytest

from alexnet.core.files import verify_folder
from alexnet.experiments.catalog.catalog import EXPERIMENTS
from alexnet.experiments.plan import plan
from alexnet.experiments.results import RESULT, Results, read_part

FOLDER = Path(__file__).resolve().parents[2] / "results"
RESULTS = Results(FOLDER)


@pytest.fixture(scope="module")
def planned():
    return {
        part.digest
        for experiment in EXPERIMENTS.values()
        for budget in experiment.budgets
        for part in plan(experiment, budget, RESULTS).all()
    }


@pytest.mark.parametrize("result", list(RESULTS), ids=lambda result: result.folder.name)
def test_it_is_as_it_was_written_and_somebody_asks_for_it(result, planned):
    verify_folder(result.folder)
    assert sum(path.stat().st_size for path in result.folder.glob("*.json")) < 20_000
    assert not list(result.folder.glob("*.safetensors"))
    assert read_part(result.folder).digest in planned


def test_all_are_found():
    assert len(RESULTS) == len(list(FOLDER.glob(f"*/*/{RESULT}"))) > 0
