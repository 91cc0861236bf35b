"""Networks of people's own: trained, resumed bit for bit, used, and never imported because a file says so."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import torch
from own_networks import Noisy, noisy
from safetensors.torch import load_file
from small_runs import SMALL

import alexnet
from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.nets.own import build_own, import_factory, make_known
from alexnet.ops.dropout import dropout_draws

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OWN = "own_networks:noisy"


@pytest.fixture
def train(cli, pictures: Path):
    def call(out: Path, *settings: object, model: str = OWN):
        base = ("train", "cifar10-18pct", "--data", pictures, "--output-dir", out, "--smoke", *SMALL)
        return cli(*base, "--model", model, *settings)

    return call


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in which no factory has been named."""
    monkeypatch.setattr("alexnet.nets.own._known", {})


def last(run: Path) -> Path:
    return sorted((run / "checkpoints").glob("step-*"))[-1]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(last(run) / "model.safetensors")


def test_a_resumed_run_is_the_unbroken_one_with_dropout_and_running_statistics(
    cli, train, tmp_path: Path, forgotten
) -> None:
    run = tmp_path / "run"
    assert train(run, "--set", "checkpoint.every_steps=7", "--set", "checkpoint.keep=9").code == 0
    expected = weights(run)
    assert {"norm.running_mean", "norm.num_batches_tracked", "fc.weight"} <= expected.keys()
    for checkpoint in sorted((run / "checkpoints").glob("step-*"))[2:]:
        shutil.rmtree(checkpoint)
    torch.rand(7)
    ending = cli("train", "--resume", run, "--model", OWN)
    assert ending.code == 0, ending.err
    assert "going on from step" in ending.err and "going on from step 20" not in ending.err
    found = weights(run)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_its_draws_are_those_of_step_and_images_and_torchs_generator_stays_as_it_was() -> None:
    make_known("x:noisy", noisy)
    net = build_own("x:noisy", 3, (3, 8, 8), Key.from_seed(1))
    assert torch.equal(net.fc.weight, build_own("x:noisy", 3, (3, 8, 8), Key.from_seed(1)).fc.weight)
    assert not torch.equal(net.fc.weight, build_own("x:noisy", 3, (3, 8, 8), Key.from_seed(2)).fc.weight)
    x, before = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.get_rng_state()

    def seen(step: int, first: int) -> torch.Tensor:
        with dropout_draws(Key.from_seed(0), step, torch.arange(first, first + 4).numpy()):
            return net(x)

    assert torch.equal(seen(3, 0), seen(3, 0))
    assert not torch.equal(seen(3, 0), seen(4, 0)) and not torch.equal(seen(3, 0), seen(3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(net(x), net(x)), "outside a run it draws as torch does"
    with pytest.raises(RuntimeError), dropout_draws(Key.from_seed(0), 0, torch.arange(4).numpy()):
        net(torch.zeros(1, 5, 8, 8))
    assert not torch.equal(torch.get_rng_state(), before)
    assert torch.equal(seen(3, 0), seen(3, 0)), "a failure leaves nothing behind"


def test_nothing_is_imported_because_a_run_names_it(cli, train, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "harmful.py").write_text(
        f"from pathlib import Path\nfrom own_networks import noisy\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    run, ran = tmp_path / "run", tmp_path / "ran"
    assert train(run, model="harmful:noisy").code == 0 and ran.exists(), "named by the person: it is imported"
    ran.unlink()
    del sys.modules["harmful"]
    monkeypatch.setattr("alexnet.nets.own._known", {})
    for verb in (("evaluate", run), ("predict", run, "x.jpg"), ("train", "--resume", run), ("look", run)):
        ending = cli(*verb)
        assert ending.code == 2 and "name it again: --model harmful:noisy" in ending.err, verb
        assert len(ending.err.strip().splitlines()) == 1
    assert not ran.exists() and "harmful" not in sys.modules


def test_it_is_evaluated_predicted_searched_and_exported(cli, train, pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run).code == 0
    assert "top-1 error" in cli("evaluate", run, "--model", OWN).out
    picture = next(pictures.glob("*/*"))
    assert "class" in cli("predict", run, picture, "--model", OWN).out
    out = tmp_path / "features.npy"
    assert cli("features", run, pictures, "-o", out, "--model", OWN).code == 0 and out.is_file()
    assert cli("features", run, pictures, "-o", tmp_path / "b.npy", "--model", OWN, "--layer", "conv").code == 0
    wrong = cli("features", run, pictures, "-o", tmp_path / "c.npy", "--model", OWN, "--layer", "konv")
    assert wrong.code == 2 and "conv" in wrong.err
    assert cli("neighbors", run, picture, "--among", pictures, "--model", OWN).code == 0
    ending = cli("export", run, "-o", tmp_path / "net.pt2", "--model", OWN)
    assert ending.code == 0, ending.err
    assert "package's networks" in cli("look", run, "--model", OWN).err
    other = cli("evaluate", run, "--model", "own_networks:other_shape")
    assert other.code != 0 and "another network" in other.err


def test_it_starts_from_another_run_of_its_own(cli, train, pictures: Path, tmp_path: Path) -> None:
    assert train(tmp_path / "run").code == 0
    assert train(tmp_path / "tuned", "--init", tmp_path / "run", "--set", "optim.lr=0.0").code == 0
    before, after = weights(tmp_path / "run"), weights(tmp_path / "tuned")
    assert torch.equal(before["conv.weight"], after["conv.weight"])


def test_from_python_a_factory_is_enough(pictures: Path, tmp_path: Path, forgotten) -> None:
    changes = ["data.size=32", "data.holdout=8", "view.crop=24", "train.epochs=1", "train.batch_size=8"]
    recipe, out = alexnet.load_recipe("cifar10-18pct", [*changes, "model.num_classes=10"]), tmp_path / "run"
    run = alexnet.fit(recipe, data=pictures, output_dir=out, model=lambda num_classes: Noisy(num_classes))
    with pytest.raises(UsageError, match="somebody's own"):
        alexnet.nets.own._known.clear()
        alexnet.load(run.folder)
    guesses = alexnet.load(run, model=noisy).predict([next(pictures.glob("*/*"))])
    assert len(guesses[0].class_names) == 5


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("nowhere_at_all:net", "cannot be imported"),
        ("own_networks:nothing", "cannot be imported"),
        ("own_networks", "names no factory"),
        ("own_networks:WIDTH", "not a function"),
        ("own_networks:no_module", "not a torch.nn.Module"),
        ("own_networks:wrong_outputs", "gives (2, 11) for 2 pictures of 10 classes"),
        ("own_networks:no_weights", "no weights to train"),
        ("own_networks:no_arguments", "cannot be called with num_classes"),
        ("own_networks:gray_only", "cannot read pictures of 3 x"),
        ("own_networks:two_outputs", "not a tensor of logits"),
    ],
)
def test_what_is_no_network_is_said_in_one_line(train, tmp_path: Path, model: str, says: str) -> None:
    ending = train(tmp_path / "run", model=model)
    assert ending.code == 2 and says in ending.err.splitlines()[-1], ending.err
    assert "Traceback" not in ending.err


@pytest.mark.parametrize("change", ["train.parallel=towers", "train.step=graphed", "model.init=quick"])
def test_what_needs_rows_is_refused(train, tmp_path: Path, change: str) -> None:
    ending = train(tmp_path / "run", "--set", change)
    assert ending.code == 2, ending.err


def test_the_example_learns_as_it_says(cli, pictures: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    model = ("--model", "own_network:residual")
    base = ("train", "cifar10-18pct", "--data", pictures, "--output-dir", tmp_path / "run", "--smoke")
    ending = cli(*base, *SMALL, *model)
    assert ending.code == 0, ending.err
    assert cli("evaluate", tmp_path / "run", *model).code == 0


def test_a_module_in_the_working_directory_is_found_and_the_path_stays(tmp_path, monkeypatch) -> None:
    (tmp_path / "lying_here.py").write_text("from own_networks import noisy as net\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    assert import_factory("lying_here:net") is noisy
    assert sys.path == before
