"""Runs on a model hub: what is sent, what is fetched, and what is said where it cannot be; with a hub that is none."""

import json
import shutil
import sys
import types

import pytest
import torch
from small_runs import SMALL, draw_pictures

import alexnet
from alexnet.cli.main import run
from alexnet.core.errors import UsageError
from alexnet.export.push import push
from alexnet.nets.interchange.hub import FILES, fetched


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pushed")
    pictures = draw_pictures(folder / "pictures", ("one", "two"), count=8)
    arguments = [
        "train",
        "cifar10-18pct",
        "--data",
        pictures,
        "--output-dir",
        folder / "run",
        "--smoke",
        *SMALL,
    ]
    assert run([str(argument) for argument in arguments]) == 0
    return folder / "run"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A library whose hub is a folder; it notes what it was asked for."""
    module, asked = types.ModuleType("huggingface_hub"), []

    class HfApi:
        def create_repo(self, name, *, private, exist_ok):
            asked.append(("create", name, private))

        def create_branch(self, name, *, branch, exist_ok):
            asked.append(("branch", name, branch))

        def upload_folder(self, *, repo_id, folder_path, revision, commit_message):
            if repo_id == "owner/refused":
                raise ConnectionError("401 Unauthorized\nmore")
            shutil.copytree(folder_path, tmp_path / "hub" / repo_id)
            (tmp_path / "hub" / repo_id / "evil.pkl").write_bytes(b"x")
            return f"https://hub.example/{repo_id}"

    def snapshot_download(name, *, revision, allow_patterns):
        asked.append(("fetch", name, revision, tuple(allow_patterns)))
        source = tmp_path / "hub" / name
        if not source.is_dir():
            raise ConnectionError("404 Client Error\nRepository Not Found")
        out = tmp_path / "cache" / name
        out.mkdir(parents=True, exist_ok=True)
        for file in allow_patterns:
            if (source / file).is_file():
                shutil.copy(source / file, out / file)
        return str(out)

    module.HfApi, module.snapshot_download, module.__spec__ = HfApi, snapshot_download, types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return asked


def test_what_is_sent_is_fetched_again_and_answers_the_same(trained, hub, tmp_path, capsys):
    assert run(["push", str(trained), "owner/net", "--private", "--revision", "v1"]) == 0
    assert "next: alexnet predict hf-hub:owner/net" in capsys.readouterr().out
    assert hub[:2] == [("create", "owner/net", True), ("branch", "owner/net", "v1")]
    picture = next((trained.parent / "pictures" / "one").iterdir())
    here, there = alexnet.load(trained).predict(picture), alexnet.load("hf-hub:owner/net@v1").predict(picture)
    assert here[0].probabilities == there[0].probabilities
    assert hub[-1] == ("fetch", "owner/net", "v1", FILES)
    assert not list((tmp_path / "cache").rglob("*.pkl")), "nothing else is fetched"
    net = alexnet.create_model("cifar10_18pct", weights="hf-hub:owner/net")
    assert torch.equal(net.state_dict()["conv1.weight"], alexnet.load(trained).net.state_dict()["conv1.weight"])
    assert run(["predict", "hf-hub:owner/net", str(picture)]) == 0


def test_a_dry_run_says_what_and_sends_nothing(trained, hub, capsys):
    assert run(["push", str(trained), "owner/net", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["address"] is None and set(told["files"]) == set(FILES) and hub == []


def test_a_file_changed_on_the_hub_is_refused(trained, hub, tmp_path, capsys):
    push(alexnet.load(trained), "owner/net")
    weights = tmp_path / "hub" / "owner" / "net" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert run(["predict", "hf-hub:owner/net", "x.png"]) == 1
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("hf-hub:owner/absent", "cannot be fetched (404 Client Error)"),
        ("hf-hub:owner", "is no name on the hub"),
        ("hf-hub:../../etc/passwd", "is no name on the hub"),
        ("hf-hub:../passwd", "is no name on the hub"),
        ("hf-hub:a/b@c d", "is no name on the hub"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(where, says, hub):
    with pytest.raises(UsageError) as error:
        fetched(where)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_a_model_without_our_files_is_refused(hub, tmp_path):
    (tmp_path / "hub" / "owner" / "other").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"has no config\.json"):
        fetched("hf-hub:owner/other")


def test_a_refusal_and_a_wrong_name_are_one_line(trained, hub, capsys):
    assert run(["push", str(trained), "owner/refused"]) == 1
    assert capsys.readouterr().err == "alexnet: owner/refused: was not sent (401 Unauthorized)\n"
    assert run(["push", str(trained), "net"]) == 2


def test_without_the_library_the_extra_is_named(trained, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs huggingface_hub") as error:
        push(alexnet.load(trained), "owner/net")
    assert "alexnet[hub]" in str(error.value)
