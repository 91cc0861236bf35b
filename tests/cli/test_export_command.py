"""`alexnet export`: every format from a run, checked on its own pictures, and what cannot be exported."""

import json

import numpy as np
import pytest
from PIL import Image

import alexnet
from alexnet.checkpoint.store import MODEL
from alexnet.export.onnx_file import onnx_runner


def test_a_run_becomes_an_onnx_file_that_was_checked_on_its_own_pictures(cli, trained, tmp_path):
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    out = tmp_path / "net.onnx"
    ending = cli("export", trained, "-o", out, "--json")
    assert ending.code == 0, ending.err
    facts = json.loads(ending.out)
    assert facts["format"] == "onnx" and facts["bytes"] == out.stat().st_size
    checked = facts["checked"]
    assert not checked["drawn"] and checked["images"] > 4 and checked["same_top5"] == checked["images"]
    assert checked["largest_difference"] < 1e-5
    picture = np.full((1, 36, 36, 3), 90, np.uint8)
    found = onnx_runner(out.read_bytes())(picture)
    expected = alexnet.load(trained).predict(Image.fromarray(picture[0]), k=10)[0]
    np.testing.assert_allclose(np.sort(found[0])[::-1], expected.probabilities, atol=2e-3)  # bfloat16 there


def test_words_for_a_person(cli, trained, tmp_path):
    ending = cli("export", trained, "-o", tmp_path / "net.pt2", "--preprocess", "separate")
    assert ending.code == 0, ending.err
    first, second, third = ending.out.splitlines()
    assert first.startswith(f"{tmp_path / 'net.pt2'}: pt2, ")
    assert second.startswith("checked on ") and "noise" not in second
    assert third.startswith("input: a picture is") and "float32 (N, 3, 32, 32)" in third


def test_pictures_of_ones_own_or_noise_are_checked_on_where_the_data_is_gone(cli, trained, pictures, tmp_path):
    record = json.loads((trained / "run.json").read_text())
    (trained / "run.json").write_text(json.dumps(record | {"data": str(tmp_path / "gone")}))
    told = json.loads(cli("export", trained, "-o", tmp_path / "a.pt2", "--json").out)
    assert told["checked"]["drawn"]
    ending = cli("export", trained, "-o", tmp_path / "b.pt2", "--images", pictures / "class0", "--json")
    assert json.loads(ending.out)["checked"] | {"largest_difference": 0} == {
        "images": 8,
        "drawn": False,
        "largest_difference": 0,
        "same_top5": 8,
    }


def test_a_hub_folder_is_loaded_and_says_what_it_is(cli, trained, pictures, tmp_path):
    out = tmp_path / "hub"
    assert cli("export", trained, "-o", out).code == 0
    config = json.loads((out / "config.json").read_text())
    assert config["pretrained_cfg"]["input_size"] == [3, 32, 32] and config["label_names"][0] == "class0"
    card = (out / "README.md").read_text()
    for text in (
        "library_name: alexnet",
        "# cifar10_18pct, 10 classes",
        "class9",
        "| holdout |",
        'name = "cifar10',
    ):
        assert text in card, text
    assert str(tmp_path) not in card
    picture = pictures / "class3" / "0.png"
    assert cli("predict", out, picture).out == cli("predict", trained, picture).out
    assert cli("export", out, "-o", tmp_path / "again.pt2").code == 0
    ending = cli("export", trained, "-o", out)
    assert ending.code == 2 and "is a folder" in ending.err


def test_a_network_that_torchvision_has_not_does_not_go_there(cli, trained, tmp_path):
    ending = cli("export", trained, "-o", tmp_path / "net.pth")
    assert ending.code == 2 and 'only "alexnet_owt" without edits goes there' in ending.err
    assert not (tmp_path / "net.pth").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-o", "net.bin"), "'.bin' does not say which format is meant; use --format, one of onnx"),
        (("-o", "net", "--format", "onxx"), "there is no format 'onxx'; did you mean 'onnx'?"),
        (("-o", "net.pt2", "--preprocess", "never"), "preprocess"),
        ((), "output"),
    ],
)
def test_mistakes_are_told_in_a_line(cli, trained, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    ending = cli("export", trained, *arguments)
    assert ending.code == 2 and says in ending.err and ending.err.count("\n") == 1
    assert not list(tmp_path.glob("net*"))


def test_a_full_disk_leaves_nothing(cli, trained, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    ending = cli("export", trained, "-o", tmp_path / "net.pt2")
    assert ending.code == 1 and "the disk is full" in ending.err
    assert not list(tmp_path.glob("*net.pt2*"))
    assert (trained / "checkpoints").is_dir() and MODEL
