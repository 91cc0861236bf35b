"""`alexnet report`: both files, from results alone."""

import json
import subprocess
import sys

import pytest
from planted import plant

from alexnet.experiments.catalog.catalog import EXPERIMENTS
from alexnet.experiments.results import Results

pytest.importorskip("matplotlib", reason="the report extra is not installed")


def test_the_command_needs_no_torch_and_says_what_is_missing(tmp_path, cli):
    ending = cli("report", "--results", tmp_path, "--output", tmp_path / "out")
    assert ending.code == 2 and "holds no result of the budget laptop" in ending.err
    code = "import sys; import alexnet.cli.report, alexnet.reports.page, alexnet.experiments.catalog.catalog, "
    code += "alexnet.reports.content, alexnet.reports.markdown; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_command_writes_both(tmp_path, cli):
    results = Results(tmp_path / "results")
    asked = EXPERIMENTS["dropout"]
    plant(results, asked, {"dropout": {0: 0.3, 1: 0.3, 2: 0.31}, "none": {0: 0.4, 1: 0.41, 2: 0.42}})
    ending = cli("report", "--results", tmp_path / "results", "-o", tmp_path / "docs" / "report", "--json")
    assert ending.code == 0, ending.err
    told = json.loads(ending.out)["experiments"]
    assert [one["name"] for one in told] == ["dropout"]
    assert told[0]["verdicts"][0]["verdict"] == "confirmed"
    assert (tmp_path / "docs" / "report.html").is_file() and (tmp_path / "docs" / "report.md").is_file()
    assert (tmp_path / "docs" / "report" / "dropout-arms.svg").is_file()
