"""`alexnet bench`: its list, its refusals, and one benchmark from beginning to end."""

import json

import pytest

from alexnet.bench.machine import usable_cores


def test_without_a_name_it_lists_the_benchmarks(cli):
    ending = cli("bench")
    assert ending.code == 0
    assert "train/alexnet/bf16/128" in ending.out and "torch_compiled" in ending.out
    listed = json.loads(cli("bench", "--json").out)
    assert {
        "name": "pack/photographs",
        "peers": ["pillow", "simplejpeg", "opencv", "opencv_alone"],
        "needs_cuda": False,
    } in listed


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["train/alexnet/bf16/12"], "there is no benchmark 'train/alexnet/bf16/12'"),
        (["train/alexnet/bf16/1024", "--device", "cpu"], "needs a CUDA device"),
        (["view", "--peers", "jax"], "there is no peer 'jax' in these benchmarks"),
        (["view", "--rounds", "0"], "--rounds must be at least 1"),
        (["view", "--python", "jax"], "--python jax is not PEER=INTERPRETER"),
        (["view", "--python", "jax=python"], "there is no peer 'jax' in these benchmarks"),
    ],
)
def test_a_mistake_is_one_line(cli, arguments, line):
    ending = cli("bench", *arguments)
    assert ending.code == 2 and line in ending.err and ending.err.count("\n") == 1


def test_a_place_to_save_is_looked_at_first(cli, tmp_path):
    ending = cli("bench", "view", "--save", tmp_path / "nowhere" / "result.json")
    assert ending.code == 1 and "the folder does not exist; create it first" in ending.err


def test_a_folder_without_photographs_is_refused(cli, tmp_path):
    ending = cli("bench", "pack/photographs", "--data", tmp_path, "--peers", "none")
    assert ending.code == 3 and "holds no JPEG files" in ending.err


def test_a_benchmark_is_measured_and_saved(cli, tmp_path):
    saved = tmp_path / "result.json"
    ending = cli(
        "bench", "train/cifar10_19pct/fp32/128", "--peers", "none", "--rounds", 2, "--seconds-per-round", 0.01,
        "--device", "cpu", "--json", "--save", saved,
    )  # fmt: skip
    assert ending.code == 0, ending.err
    result = json.loads(ending.out)
    assert (result["name"], result["peers"], result["ratio"]) == ("train/cifar10_19pct/fp32/128", [], None)
    ours = result["ours"]
    assert ours["min"] <= ours["images_per_second"] <= ours["max"] and len(ours["rounds"]) == 2
    assert ours["evidence"]["loss"] == pytest.approx(2.3, abs=0.1)
    assert "recipe cifar10-19pct" in ours["configuration"]
    report = json.loads(saved.read_text())
    assert report["results"] == [result] and report["machine"]["cores"] >= 1
    assert report["environment"]["torch"] and report["date"].endswith("+00:00")


def test_all_cores_share_the_photographs(cli):
    ending = cli(
        "bench", "pack/photographs/all-cores", "--peers", "pillow", "--json",
        "--rounds", 1, "--seconds-per-round", 0.01,
    )  # fmt: skip
    assert ending.code == 0, ending.err
    result, cores = json.loads(ending.out), usable_cores()
    ours, pillow = result["ours"], result["peers"][0]
    assert all(one["configuration"].startswith(f"{cores} processes: " * (cores > 1)) for one in (ours, pillow))
    assert ours["evidence"]["mean"] == pytest.approx(pillow["evidence"]["mean"], abs=0.1)


def test_tables_have_everyone(cli, tmp_path):
    ending = cli(
        "bench", "pack/photographs", "--peers", "pillow,opencv", "--rounds", 1, "--seconds-per-round", 0.01,
        "--python", f"opencv={tmp_path / 'python'}",
    )  # fmt: skip
    assert ending.code == 0, ending.err
    assert "pack/photographs on cpu" in ending.out and " x pillow, the best of the others" in ending.out
    assert "opencv" in ending.out and "failed: " in ending.out
