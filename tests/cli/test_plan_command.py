"""`alexnet plan`: steps on several devices, for a machine by name or from a file."""

import json

import pytest

MACHINE = """
flops = 50e12
ranks_per_node = 4
node = { bandwidth = 12e9 }
network = { bandwidth = 1e9, latency = 3e-5 }
"""


@pytest.fixture
def machine(tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text(MACHINE, encoding="utf-8")
    return path


def test_every_way_is_shown_for_every_number_of_ranks_the_fastest_first(cli):
    ending = cli("plan", "alexnet", "--ranks", "1,8")
    assert ending.code == 0, ending.err
    rows = [line.split() for line in ending.out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows] == ["1", "8", "8", "8"]
    assert {row[1].split("-")[0] for row in rows[1:]} == {"data", "towers", "hybrid"}
    steps = [float(row[6]) for row in rows[1:]]
    assert steps == sorted(steps)
    assert "used up to, of these numbers of ranks: data 8, " in ending.out and "not measured" in ending.out


def test_json_has_the_parts_of_a_step(cli, machine):
    ending = cli("plan", "alexnet-owt", "--ranks", "8,2", "--batch-size", "256", "--machine", machine, "--json")
    facts = json.loads(ending.out)
    assert (facts["network"], facts["machine"], facts["batch_size"]) == ("alexnet_owt", "ours", 256)
    assert [row["ranks"] for row in facts["forecasts"]] == [2, 2, 8, 8]
    for row in facts["forecasts"]:
        assert sum(row["parts"].values()) == pytest.approx(row["seconds"])
        assert 256 / row["seconds"] == pytest.approx(row["images_per_second"])
        assert row["speedup"] == pytest.approx(row["ranks"] * row["efficiency"])
    assert set(facts["largest_useful"]) == {"data", "hybrid"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["alexnot"], "did you mean 'alexnet'"),
        (["--ranks", "1,two"], "--ranks: '1,two' is not a list of numbers"),
        (["--ranks", "0"], "--ranks: '0' is not a list of numbers"),
        (["--ranks", "1,4096"], "1024 images are not shared by 4096 ranks; a larger --batch-size"),
        (["--machine", "h20"], "did you mean 'h200'? (or a .toml file"),
        (["--machine", "nowhere.toml"], "nowhere.toml: cannot be read"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line(cli, arguments, words):
    ending = cli("plan", *arguments)
    assert ending.code == 2 and ending.err.count("\n") == 1
    assert words in ending.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("flops = 50e12", "", "ours.toml: flops: is missing; docs/scaling.md shows such a file"),
        ("flops", "flop", "ours.toml: flop: unknown key; did you mean 'flops'?"),
        ("12e9", "0.0", "ours.toml: node: bandwidth must be positive, not 0.0"),
        ("12e9", '"fast"', "node.bandwidth: expected a number, found 'fast'"),
        ("3e-5", "-1.0", "network: latency must not be negative"),
        ("50e12", "nan", "flops must be positive, not nan"),
    ],
)
def test_a_mistake_in_the_file_is_named(cli, machine, old, new, words):
    machine.write_text(MACHINE.replace(old, new, 1), encoding="utf-8")
    ending = cli("plan", "--machine", machine)
    assert ending.code == 2 and ending.err.count("\n") == 1
    assert words in ending.err


def test_planning_imports_no_torch():
    import subprocess
    import sys

    code = "import sys\nfrom alexnet.cli.main import run\nrun(['plan', '--json'])\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
