"""Bad input gets one clear line, the right exit code, and loses nothing."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from small_runs import SMALL, Ending, draw_pictures

USAGE = [
    (["trian"], "did you mean 'train'"),
    (["train"], "RECIPE is missing"),
    (["train", "cifar10-18pct"], "--data is missing"),
    (["train", "cifar10-18pcs", "--data", "x"], "did you mean 'cifar10-18pct'"),
    (["train", "cifar10-18pct", "--dta", "x"], "--data"),
    (["train", "cifar10-18pct", "--data", "x", "--set", "optim.leraning_rate=1"], "did you mean 'optim.lr'"),
    (["train", "cifar10-18pct", "--data", "x", "--set", "optim.lr=fast"], "expected a number"),
    (["train", "cifar10-18pct", "--data", "x", "--set", "optim.lr"], "not key=value"),
    (["train", "cifar10-18pct", "--data", "x", "--set", "optim.lr=-1"], "must not be negative"),
    (["train", "cifar10-18pct", "--data", "x", "--set", "schedule.kind=steps"], "did you mean"),
    (["train", "cifar10-18pct", "--data", "x", "--epochs", "0"], "at least 1"),
    (["train", "cifar10-18pct", "--data", "x", "--epochs", "many"], "epochs"),
    (["train", "--resume", "x", "--data", "y"], "leave out --data"),
    (["show", "alexnot"], "did you mean 'alexnet'"),
    (["evaluate"], "no run is given"),
    (["predict", "x"], "no pictures are given"),
    (["predict", "x", "y.jpg", "--jsn"], "did you mean '--json'"),
    (["download", "cifar11"], "cifar10"),
    (["pack", "x", "y", "--encoding", "png"], "encoding"),
]


def one_line(ending: Ending, code: int, *words: str) -> None:
    """Check the exit code, and that the last line alone is the answer and holds the words."""
    assert ending.code == code, ending.err
    assert "Traceback" not in ending.err
    line = ending.err.strip().splitlines()[-1]
    assert line.startswith("alexnet: ")
    assert ending.err.count("alexnet: ") == 1
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("arguments", "words"), USAGE, ids=lambda v: " ".join(v) if isinstance(v, list) else ""
)
def test_usage_errors(cli, arguments: list[str], words: str) -> None:
    one_line(cli(*arguments), 2, words)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["show"], ["show", "alexnet"], *[a for a, _ in USAGE]]
)
def test_help_and_usage_errors_import_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom alexnet.cli.main import run\n"
        f"code = run({arguments!r})\nassert 'torch' not in sys.modules, 'torch was imported'\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode in (0, 2), done.stderr


def test_help_parses_no_markdown() -> None:
    """Its parser takes longer to import than all the rest."""
    code = (
        "import sys\nfrom alexnet.cli.main import run\nrun(['--help'])\nsys.exit('markdown_it' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_a_mistake_is_json_too(cli) -> None:
    ending = cli("train", "cifar10-18pct", "--json")
    assert json.loads(ending.out)["error"]["what"] == "--data is missing"


def test_wrong_path(cli, tmp_path: Path) -> None:
    one_line(cli("train", "alexnet", "--data", tmp_path / "nowhere"), 3, "nowhere")
    one_line(cli("pack", tmp_path / "nowhere", tmp_path / "out"), 3, "nowhere")


def test_empty_folder(cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    one_line(cli("train", "alexnet", "--data", tmp_path / "empty"), 3, "empty")


def test_one_class(cli, tmp_path: Path) -> None:
    one_line(cli("train", "alexnet", "--data", draw_pictures(tmp_path / "one", ("only",))), 3, "class")


def test_a_missing_run(cli, tmp_path: Path) -> None:
    for command in (("evaluate", tmp_path), ("predict", tmp_path, "x.jpg"), ("train", "--resume", tmp_path)):
        one_line(cli(*command), 1, str(tmp_path))


def test_unreadable_pictures_are_set_aside_up_to_a_limit(cli, pictures: Path, tmp_path: Path) -> None:
    (pictures / "class0" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (pictures / "class1" / "page.png").write_bytes(b"<html>404</html>")
    ending = cli("pack", pictures, tmp_path / "few", "--size", "36", "--workers", "1", "--json")
    assert ending.code == 0, ending.err
    assert json.loads(ending.out)["quarantine"]["total"] == 2
    rows = [json.loads(line) for line in (tmp_path / "few" / "quarantine.jsonl").read_text().splitlines()]
    assert {Path(row["name"]).name for row in rows} == {"broken.jpg", "page.png"}
    for number in range(30):
        (pictures / "class2" / f"bad{number}.jpg").write_bytes(b"")
    one_line(cli("pack", pictures, tmp_path / "many", "--size", "36", "--workers", "1"), 3, "empty")


def test_a_damaged_shard_is_named(cli, pictures: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    assert cli("pack", pictures, pack, "--size", "36", "--workers", "1").code == 0
    shard = pack / "train-00000.shard"
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 1
    shard.write_bytes(data)
    command = ("train", "cifar10-18pct", "--data", pack, "--output-dir", tmp_path / "run", "--smoke", *SMALL)
    one_line(cli(*command), 3, "train-00000.shard")
    shard.write_bytes(data[:-100])
    one_line(cli("show", pack), 3, "train-00000.shard")


def test_recipe_and_data_that_do_not_fit(cli, pictures: Path, tmp_path: Path) -> None:
    few = draw_pictures(tmp_path / "three", ("a", "b", "c"))
    base = ("train", "cifar10-18pct", "--output-dir", tmp_path / "run", "--smoke", *SMALL)
    real = ("train", "cifar10-18pct", "--output-dir", tmp_path / "run", *SMALL)
    one_line(cli(*real, "--data", few), 2, "10 classes", "3", "--set model.num_classes=3")
    one_line(cli(*base, "--data", pictures, "--set", "view.crop=40"), 2, "view.crop")
    one_line(cli(*base, "--data", pictures, "--set", "view.crop=24"), 2, "view.crop")
    assert not (tmp_path / "run" / "recipe.toml").exists()


def test_a_folder_with_a_run_is_left_alone(cli, trained: Path, pictures: Path) -> None:
    before = (trained / "run.json").read_bytes()
    command = ("train", "cifar10-18pct", "--data", pictures, "--output-dir", trained, "--smoke", *SMALL)
    one_line(cli(*command), 2, "holds a run already", "--resume")
    assert (trained / "run.json").read_bytes() == before


def test_views_that_the_pictures_cannot_give(cli, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = ("--set", "data.size=32", "--set", "train.threads=1")
    assert (
        cli("train", "cifar10-18pct", "--data", pictures, "--output-dir", out, "--smoke", *settings).code == 0
    )
    one_line(cli("evaluate", out, "--views", "10"), 2, "32 x 32", "--views 1")
    one_line(cli("evaluate", out, "--views", "7"), 2, "7 views")


def test_a_damaged_checkpoint_is_set_aside_when_resuming(cli, trained: Path) -> None:
    last = sorted((trained / "checkpoints").glob("step-*"))[-1]
    data = bytearray((last / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (last / "model.safetensors").write_bytes(data)
    one_line(cli("evaluate", trained), 1, "model.safetensors", "damaged")
    ending = cli("train", "--resume", trained)
    assert ending.code == 0, ending.err
    assert "set aside" in ending.err
    assert cli("evaluate", trained).code == 0


def test_divergence_stops_the_run_and_keeps_the_last_good_checkpoint(
    cli, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = ("train", "cifar10-18pct", "--data", pictures, "--output-dir", out, "--smoke", *SMALL)
    one_line(
        cli(*command, "--set", "optim.lr=1e30", "--set", "checkpoint.every_steps=1"), 4, "step", "lower rate"
    )
    import torch
    from safetensors.torch import load

    last = sorted((out / "checkpoints").glob("step-*"))[-1]
    assert all(torch.isfinite(t).all() for t in load((last / "model.safetensors").read_bytes()).values())


def test_no_permission() -> None:
    """A folder that may not be written to. Root may write anywhere, so root lends the child another user."""
    if not hasattr(os, "setuid"):
        pytest.skip("NO SETUID: permissions are tested where os.setuid exists")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        pictures = draw_pictures(root / "pictures", ("a", "b"), count=4)
        (root / "locked").mkdir(mode=0o555)
        packing = [
            ["pack", str(pictures), str(root / out), "--size", "36", "--workers", "1"]
            for out in ("mine", "locked/pack")
        ]
        # The first packing imports all that the second needs: the other user may not be able to read the packages.
        code = (
            "import os, sys\nfrom alexnet.cli.main import run\n"
            f"assert run({packing[0]!r}) == 0\n"
            "if os.getuid() == 0: os.setuid(65534)\n"
            f"sys.exit(run({packing[1]!r}))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    one_line(Ending(done.returncode, done.stdout, done.stderr), 1, "permission")


def test_a_part_of_the_path_is_a_file(cli, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = (
        "train",
        "cifar10-18pct",
        "--data",
        pictures,
        "--output-dir",
        tmp_path / "file" / "run",
        "--smoke",
    )
    one_line(cli(*command, *SMALL), 1, "file")


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform != "linux" or library.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, b"size=8m") != 0:
        pytest.skip("NO SMALL DISK: mounting a tmpfs needs Linux and root")
    yield folder
    library.umount2(bytes(folder), 2)


def test_a_full_disk_while_packing_loses_nothing(cli, tmp_path: Path, small_disk: Path) -> None:
    many = draw_pictures(tmp_path / "many", tuple(f"c{k}" for k in range(10)), count=90)
    one_line(cli("pack", many, small_disk / "pack", "--size", "64", "--workers", "1"), 1, "free")
    one_line(cli("pack", many, small_disk / "pack", "--size", "64", "--workers", "1"), 1, "free")


def test_a_full_disk_while_training_keeps_the_last_checkpoint(cli, pictures: Path, small_disk: Path) -> None:
    run = small_disk / "run"
    (small_disk / "ballast").write_bytes(b"\0" * 6_500_000)
    command = ("train", "cifar10-18pct", "--data", pictures, "--output-dir", run, "--smoke", *SMALL)
    settings = ("--set", "checkpoint.every_steps=2", "--set", "checkpoint.keep=9")
    ending = cli(*command, *settings)
    assert ending.code == 1, ending.err
    assert "Traceback" not in ending.err
    assert ending.err.strip().splitlines()[-1].startswith("alexnet: ")
    from alexnet.core.files import verify_folder

    kept = sorted((run / "checkpoints").glob("step-*"))
    assert kept
    for checkpoint in kept:
        verify_folder(checkpoint)
    (small_disk / "ballast").unlink()
    assert cli("train", "--resume", run).code == 0


def test_a_run_that_cannot_begin_leaves_no_folder(cli, pictures: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    begin = ("train", "cifar10-18pct", "--data", pictures, *SMALL, "--set", "data.holdout=5000")
    one_line(cli(*begin), 2, "holds out 5000 of ")
    assert not list(Path("runs").glob("*"))
    Path("mine").mkdir()
    one_line(cli(*begin, "--output-dir", "mine"), 2, "holds out 5000 of ")
    assert Path("mine").is_dir()
