"""The notebook runs from its first cell to its last, and what it shows is kept in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "first-steps.ipynb"
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
EXECUTE = "from nbclient.cli import main; main()"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_runs(tmp_path):
    places = {"TMPDIR": str(tmp_path), "ALEXNET_CACHE": str(tmp_path / "cache")}
    places["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-c", EXECUTE, str(NOTEBOOK), f"--output={tmp_path / 'done'}", "--timeout=500"]
    ended = subprocess.run(command, env=os.environ | places, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    done = nbformat.read(tmp_path / "done.ipynb", as_version=4)
    validation = next(cell for cell in done.cells if "run.validations" in cell.source).outputs[-1]
    (found,) = eval(validation["data"]["text/plain"], {})
    assert found["top1_error"] < 0.6, "11/12 would be chance"


def test_its_outputs_are_kept(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [cell for cell in code if any("image/png" in output.get("data", {}) for output in cell.outputs)]
    assert len(shown) >= 4
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]


def test_it_names_no_place_of_the_machine_that_ran_it(notebook):
    text = nbformat.writes(notebook)
    assert "/tmp/" not in text and "/home/" not in text and "/root/" not in text
