"""A run that starts from another run's weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file
from small_runs import SMALL, draw_pictures

STILL = ("--set", "optim.lr=0.0", "--set", "optim.bias_lr=0.0")
"""A run whose last weights are its first."""


def weights(run: Path) -> dict:
    return load_file(sorted((run / "checkpoints").glob("step-*"))[-1] / "model.safetensors")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Four other classes."""
    return draw_pictures(tmp_path / "other", tuple(f"other{k}" for k in range(4)))


def tune(cli, data: Path, out: Path, *settings: str):
    base = ("train", "cifar10-18pct", "--data", data, "--output-dir", out, "--smoke", *SMALL)
    return cli(*base, "--set", "model.num_classes=4", *STILL, *settings)


def test_every_layer_but_the_last_is_taken_over(cli, trained: Path, other: Path, tmp_path: Path) -> None:
    ending = tune(cli, other, tmp_path / "tuned", "--set", f"model.weights={trained}")
    assert ending.code == 0, ending.err
    before, after = weights(trained), weights(tmp_path / "tuned")
    assert before.keys() == after.keys() and after["fc10.weight"].shape[0] == 4
    for name, tensor in after.items():
        assert name.startswith("fc10") or (tensor == before[name]).all(), name


def test_named_layers_only_are_taken_over(cli, trained: Path, other: Path, tmp_path: Path) -> None:
    layers = ("--set", 'model.weights_layers=["conv1", "conv3"]')
    for name, settings in (("tuned", ("--set", f"model.weights={trained}", *layers)), ("fresh", ())):
        assert tune(cli, other, tmp_path / name, *settings).code == 0
    before, tuned, fresh = weights(trained), weights(tmp_path / "tuned"), weights(tmp_path / "fresh")
    for name, tensor in tuned.items():
        source = before if name.startswith(("conv1", "conv3")) else fresh
        assert (tensor == source[name]).all(), name
    assert not (tuned["conv1.weight"] == fresh["conv1.weight"]).all()


def test_a_run_goes_on_though_the_weights_it_began_with_are_gone(
    cli, trained: Path, other: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tuned"
    assert tune(cli, other, out, "--set", f"model.weights={trained}").code == 0
    expected = weights(out)
    shutil.rmtree(trained)
    latest = sorted((out / "checkpoints").glob("step-*"))[-1]
    assert len(list((out / "checkpoints").glob("step-*"))) > 1
    shutil.rmtree(latest)
    ending = cli("train", "--resume", out)
    assert ending.code == 0, ending.err
    assert all((tensor == expected[name]).all() for name, tensor in weights(out).items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("--set", 'model.weights_layers=["conv1"]'), "starts from a trained network"),
        (("--set", "model.weights=nowhere"), "nowhere"),
        (("--set", "model.weights={run}", "--set", 'model.weights_layers=["conv9"]'), "conv9"),
        (
            ("--set", "model.weights={run}", "--set", 'model.weights_layers=["fc10"]'),
            "fc10 cannot be taken over",
        ),
        (("--set", "model.weights={run}", "--set", "model.name=cifar10_80sec"), "cannot be taken over"),
    ],
)
def test_what_does_not_fit_is_one_line(
    cli, trained: Path, other: Path, tmp_path: Path, settings: tuple[str, ...], message: str
) -> None:
    ending = tune(cli, other, tmp_path / "tuned", *(text.format(run=trained) for text in settings))
    assert ending.code == 2
    assert message in ending.err and "Traceback" not in ending.err
    assert not (tmp_path / "tuned").exists() or not list((tmp_path / "tuned").glob("checkpoints/*"))
