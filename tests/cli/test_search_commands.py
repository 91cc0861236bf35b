"""`alexnet features` and `alexnet neighbors`: numbers of pictures, and pictures like others."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import alexnet
from alexnet.evaluation.features import features
from alexnet.evaluation.predict import load_pixels


def names_of(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return [(row["path"], row["class"]) for row in csv.DictReader(stream)]


def test_features_of_a_folder_are_a_table_with_its_names(cli, trained, pictures, tmp_path):
    out = tmp_path / "features.npy"
    ending = cli("features", trained, pictures / "class3", pictures / "class1" / "2.png", "-o", out, "--json")
    assert ending.code == 0, ending.err
    table, names = np.load(out), names_of(tmp_path / "features.csv")
    assert json.loads(ending.out) == {
        "path": str(out),
        "images": 9,
        "length": table.shape[1],
        "unreadable": 0,
    }
    assert (
        table.shape[0] == 9 and table.dtype == np.float32 and names[8] == (str(pictures / "class1/2.png"), "")
    )
    network = alexnet.load(trained).network
    pixels = np.stack([load_pixels(path, network.input) for path, _ in names])
    np.testing.assert_allclose(table, features(network, pixels).numpy(), rtol=1e-3, atol=1e-3)


def test_features_of_a_pack_know_their_classes_and_other_layers_have_other_lengths(cli, trained, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet", reason="the parquet extra is not installed")
    pack = json.loads((trained / "run.json").read_text())["data"]
    out = tmp_path / "f.parquet"
    ending = cli("features", trained, pack, "-o", out, "--layer", "conv1", "--split", "val")
    assert ending.code == 0, ending.err
    table = pq.read_table(out)
    assert table.column_names == ["path", "class", "features"] and len(table) > 4
    assert set(table["class"].to_pylist()) <= {f"class{k}" for k in range(10)}
    npy = tmp_path / "f.npy"
    assert cli("features", trained, pack, "-o", npy, "--layer", "conv1", "--split", "val").code == 0
    np.testing.assert_array_equal(np.array(table["features"].to_pylist(), np.float32), np.load(npy))


def test_a_picture_is_found_among_others_and_its_neighbors_are_drawn(cli, trained, pictures, tmp_path):
    query, drawn = pictures / "class5" / "3.png", tmp_path / "near.png"
    arguments = ("neighbors", trained, query, "--among", pictures, "--k", 4)
    told = json.loads(cli(*arguments, "--json").out)
    assert told["path"] == str(query) and len(told["neighbors"]) == 4
    assert told["neighbors"][0]["path"] == str(query) and told["neighbors"][0]["distance"] < 1e-2
    distances = [near["distance"] for near in told["neighbors"]]
    assert distances == sorted(distances)
    ending = cli(*arguments, "--picture", drawn)
    assert ending.code == 0 and ending.out.splitlines()[0] == str(query) and len(ending.out.splitlines()) == 5
    with Image.open(drawn) as picture:
        assert picture.width > 300
    stored = tmp_path / "f.npy"
    assert cli("features", trained, pictures, "-o", stored).code == 0
    again = json.loads(cli("neighbors", trained, query, "--among", stored, "--k", 4, "--json").out)
    assert [n["path"] for n in again["neighbors"]] == [n["path"] for n in told["neighbors"]]
    ending = cli("neighbors", trained, query, "--among", stored, "--picture", drawn)
    assert ending.code == 2 and "cannot be drawn of a file of features" in ending.err
    ending = cli("neighbors", trained, query, "--among", stored, "--layer", "conv1")
    assert ending.code == 2 and "give the --layer" in ending.err


def test_what_cannot_be_read_is_left_out_and_told(cli, trained, pictures, tmp_path):
    (pictures / "class0" / "0.png").write_bytes(b"no picture")
    ending = cli("features", trained, pictures / "class0", "-o", tmp_path / "f.npy")
    assert ending.code == 3 and "0.png" in ending.err and "7 pictures" in ending.out
    assert len(names_of(tmp_path / "f.csv")) == len(np.load(tmp_path / "f.npy")) == 7
    ending = cli("features", trained, pictures / "class0" / "0.png", "-o", tmp_path / "g.npy")
    assert ending.code == 3 and "no picture could be read" in ending.err
    assert not list(tmp_path.glob("g*")) and not list(tmp_path.glob(".tmp*"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("features", "RUN", "-o", "f.npy"), "no pictures are given"),
        (("features", "RUN", "PICTURES", "-o", "f.txt"), "ends in '.txt'; use .npy or .parquet"),
        (("features", "RUN", "PICTURES", "-o", "f.npy", "--layer", "fc1"), "no layer 'fc1'"),
        (("features", "RUN", "absent", "-o", "f.npy"), "does not exist"),
        (("neighbors", "RUN", "--among", "PICTURES"), "no pictures are given"),
        (("neighbors", "RUN", "PICTURES", "--among", "PICTURES", "--k", "0"), "--k must be at least 1"),
        (("neighbors", "RUN", "PICTURES", "--among", "broken.npy"), "cannot be read as numbers"),
    ],
)
def test_mistakes_are_told_in_a_line(cli, trained, pictures, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    given = [{"RUN": trained, "PICTURES": pictures}.get(a, a) for a in arguments]
    ending = cli(*given)
    assert ending.code in (2, 3) and says in ending.err, ending.err
    assert ending.err.strip().count("\n") == 0 and not (tmp_path / "f.npy").exists()


def test_a_pack_of_another_size_is_refused(cli, trained, pictures, tmp_path):
    assert cli("pack", pictures, tmp_path / "pack", "--size", "20").code == 0
    ending = cli("features", trained, tmp_path / "pack", "-o", tmp_path / "f.npy")
    assert ending.code == 3 and "holds pictures of 20x20x3, and the network wants 36x36x3" in ending.err
