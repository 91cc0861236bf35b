"""A small folder of pictures, and the command line called in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import SMALL, Ending, draw_pictures

from alexnet.cli.main import run


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ending]:
    """Run one command line and return its exit code and output."""

    def call(*arguments: object) -> Ending:
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Ending(code, captured.out, captured.err)

    return call


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
