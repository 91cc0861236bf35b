"""A small folder of pictures, and the command line called in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from alexnet.cli.main import run
from alexnet.core.keys import Key

SMALL = ("--set", "data.size=36", "--set", "view.crop=32", "--set", "train.threads=1")
"""What turns a CIFAR recipe to pictures of any size."""


class Ending(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ending]:
    """Run one command line and return its exit code and output."""

    def call(*arguments: object) -> Ending:
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Ending(code, captured.out, captured.err)

    return call


def draw_pictures(folder: Path, classes: tuple[str, ...], count: int = 8, side: int = 40) -> Path:
    """Write noisy pictures, one mean color a class."""
    key = Key.from_seed(0)
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise = key.uniform(label, number, side * side * 3).reshape(side, side, 3)
            color = np.array([(label * 83) % 200, (label * 47) % 200, (label * 131) % 200])
            Image.fromarray((color + 55 * noise).astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten classes of eight pictures."""
    return draw_pictures(tmp_path / "pictures", tuple(f"class{k}" for k in range(10)))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep packs of the tests out of the user's cache."""
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def trained(cli: Callable[..., Ending], pictures: Path, tmp_path: Path) -> Path:
    """A run of 20 small steps."""
    out = tmp_path / "run"
    ending = cli("train", "cifar10-18pct", "--data", pictures, "--output-dir", out, "--smoke", *SMALL)
    assert ending.code == 0, ending.err
    return out
