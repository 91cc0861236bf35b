"""Every command of the README and of the site, in the order of the pages, in one folder, at the smallest budget."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from page_commands import ROOT, Block, blocks, files, pages
from PIL import Image

from alexnet.cli import train
from alexnet.cli.main import run
from alexnet.data.sources import rendered
from alexnet.data.sources.rendered import rendered_source, write_folder
from ilsvrc_files import photographs_of, write_ilsvrc2012

OTHERWISE = {"README.md": "tests/cli/test_readme.py"}
"""Pages whose Python has a test of its own."""


@pytest.fixture(scope="module")
def desk(test_data: Path) -> Iterator[set[str]]:
    """A folder with what the pages speak of; gives the commands that were run in it."""
    patch = pytest.MonkeyPatch()
    with TemporaryDirectory() as name:
        folder = Path(name)
        patch.chdir(folder)
        patch.setenv("ALEXNET_CACHE", str(folder / "cache"))
        patch.setenv("PYTHONPATH", str(ROOT / "src"))
        patch.setattr(train, "SMOKE_STEPS", 3)
        patch.setattr(
            rendered, "rendered_source", partial(rendered_source, train_per_class=20, val_per_class=10)
        )
        write_folder(rendered_source(train_per_class=8, val_per_class=2), folder / "PICTURES")
        write_folder(rendered_source(train_per_class=4, val_per_class=2, seed=1), folder / "OTHERS")
        Image.new("RGB", (300, 200), "tan").save("cat.jpg")
        _small_set(folder / "cifar10", "RGB", 32)
        _small_set(folder / "mnist", "L", 28)
        (folder / "ILSVRC").mkdir()
        photographs = photographs_of(test_data / "imagenet-photos")
        write_ilsvrc2012(folder / "ILSVRC", dict(islice(photographs.items(), 20)))
        yield set()
    patch.undo()


def _small_set(folder: Path, mode: str, side: int) -> None:
    for label in range(10):
        for number in range(16):
            where = folder / ("val" if number > 11 else "train") / f"class{label}" / f"{number}.png"
            where.parent.mkdir(parents=True, exist_ok=True)
            color = (25 * label, 20 * number, 90) if mode == "RGB" else 25 * label + number
            Image.new(mode, (side, side), color).save(where)


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_the_commands_of_a_page_run(page: Path, desk: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for name, text in files(page).items():
        Path(name).write_text(text, encoding="utf-8")
    for block in blocks(page):
        if block.why_not is None and block.kind == "python" and block.page not in OTHERWISE:
            exec(compile(block.text, block.page, "exec"), names)
        elif block.why_not is None and block.kind == "sh":
            for line in block.lines:
                if line not in desk:
                    desk.add(line)
                    code = _run(line)
                    assert code == 0, f"{block.page}: {line}: {capsys.readouterr().err[-2000:]}"


def _run(line: str) -> int:
    program, *arguments = shlex.split(line)
    if program == "alexnet":
        return run(_smallest(arguments))
    if program in ("torchrun", "python"):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        module = ["-m", "torch.distributed.run"] if program == "torchrun" else []
        return subprocess.run([sys.executable, *module, *arguments], env=environment).returncode
    assert program == "diff", f"mark the block as `not run`, or teach this test {program}"
    return subprocess.run([program, *arguments]).returncode


def _smallest(arguments: list[str]) -> list[str]:
    """Return a command line with the smallest budget, its words otherwise as they are."""
    if arguments[0] == "train" and "--resume" not in arguments and "--smoke" not in arguments:
        return [*arguments, "--smoke"]
    if arguments[0] == "report" or arguments[:2] == ["experiment", "run"]:
        for option in ("--budget", "--data"):  # at the smoke budget there is only the rendered set
            if option in arguments:
                place = arguments.index(option)
                arguments = arguments[:place] + arguments[place + 2 :]
        return [*arguments, "--budget", "smoke"]
    return arguments


def test_blocks_are_found_with_their_marks(tmp_path, monkeypatch):
    monkeypatch.setattr("page_commands.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\na b   # c\nd \\\n  e\n```\n\n<!-- not run: why -->\n```sh\nf\n```\n\n```\nout\n```\n"
    )
    first, second = blocks(page)
    assert first == Block("page.md", "sh", "a b   # c\nd \\\n  e\n", None) and first.lines == ["a b", "d e"]
    assert second.why_not == "why" and second.lines == ["f"]


def test_most_commands_are_run():
    found = [block for page in pages() for block in blocks(page)]
    lines = [len(block.lines) for block in found if block.kind == "sh" and block.why_not is None]
    assert sum(lines) > 40 and len(pages()) > 8
