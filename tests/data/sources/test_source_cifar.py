"""CIFAR-10 and CIFAR-100 in both versions, as folders and as the archives their author distributes."""

import pickle

import numpy as np
import pytest
from source_files import cifar_rows, tar_bytes, write_files
from test_source_pickled import Call, python2_batch

from alexnet.core.errors import DataError
from alexnet.data.sources.cifar import open_cifar
from alexnet.data.sources.detect import open_source
from alexnet.data.sources.options import SourceOptions

TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
HUNDRED = [f"class {i}" for i in range(100)]


def binary10(rows: int = 20) -> dict[str, bytes]:
    files = {f"data_batch_{i}.bin": cifar_rows(rows, 10)[0] for i in range(1, 6)}
    return files | {"test_batch.bin": cifar_rows(7, 10)[0], "batches.meta.txt": "\n".join([*TEN, ""]).encode()}


def binary100() -> dict[str, bytes]:
    files = {"train.bin": cifar_rows(120, 100, 2)[0], "test.bin": cifar_rows(10, 100, 2)[0]}
    return files | {"fine_label_names.txt": "\n".join(HUNDRED).encode(), "coarse_label_names.txt": b"x\n" * 20}


def batch(rows: int, classes: int, key: str) -> bytes:
    _, labels, pictures = cifar_rows(rows, classes)
    return python2_batch(pictures.transpose(0, 3, 1, 2).reshape(rows, 3072), labels.tolist(), key)


def python10() -> dict[str, bytes]:
    files = {f"data_batch_{i}": batch(300, 10, "labels") for i in range(1, 6)} | {
        "test_batch": batch(257, 10, "labels")
    }
    return files | {
        "batches.meta": pickle.dumps({"label_names": TEN, "num_vis": 3072}, 2),
        "readme.html": b"<p>",
    }


def python100() -> dict[str, bytes]:
    files = {"train": batch(300, 100, "fine_labels"), "test": batch(256, 100, "fine_labels")}
    return files | {"meta": pickle.dumps({"fine_label_names": HUNDRED, "coarse_label_names": []}, 2)}


VERSIONS = {
    "binary10": (binary10, TEN, 20),
    "binary100": (binary100, HUNDRED, 120),
    "python10": (python10, TEN, 300),
    "python100": (python100, HUNDRED, 300),
}


@pytest.mark.parametrize("form", ["folder", "tar", "tar.gz"])
@pytest.mark.parametrize("version", list(VERSIONS))
def test_rows_and_labels_are_those_that_were_written(tmp_path, version, form):
    make, names, rows = VERSIONS[version]
    path = tmp_path / f"cifar.{form}"
    if form == "folder":
        write_files(path, make())
    else:
        inside = {f"cifar-batches/{name}": data for name, data in make().items()}
        path.write_bytes(tar_bytes(inside, mode="w" if form == "tar" else "w:gz"))
    source = open_source(path)
    assert source.info.kind == "cifar" and source.info.native_shape == (32, 32, 3)
    assert source.info.classes == source.info.class_names == tuple(names)
    _, labels, pictures = cifar_rows(rows, len(names))
    train = source.splits["train"]
    assert len(train) == rows * (5 if len(names) == 10 else 1)
    assert train.labels[-rows:].tolist() == labels.tolist()
    copy = pickle.loads(pickle.dumps(source))
    for index in (0, 1, rows - 1, len(train) - 1):
        picture = train.read(index)
        assert picture.dtype == np.uint8 and picture.flags.c_contiguous and picture.flags.writeable
        np.testing.assert_array_equal(picture, pictures[index % rows])
        np.testing.assert_array_equal(copy.splits["train"].read(index), picture)
    assert copy.fingerprint() == source.fingerprint()
    with pytest.raises(IndexError):
        train.read(len(train))


def test_a_picture_is_named_by_its_file_and_row(tmp_path):
    train = open_cifar(write_files(tmp_path, binary10())).splits["train"]
    assert [train.name(i) for i in (0, 19, 20, 99)] == [
        f"data_batch_{b}.bin[{r}]" for b, r in ((1, 0), (1, 19), (2, 0), (5, 19))
    ]


def test_other_pixels_under_the_same_labels_change_the_fingerprint(tmp_path):
    files = binary10()
    before = open_cifar(write_files(tmp_path, files)).fingerprint()
    changed = bytearray(files["data_batch_3.bin"])
    changed[100] ^= 1
    assert open_cifar(write_files(tmp_path, {"data_batch_3.bin": bytes(changed)})).fingerprint() != before


def test_a_missing_batch_is_refused_unless_a_subset_is_asked_for(tmp_path):
    write_files(tmp_path, binary10())
    (tmp_path / "data_batch_4.bin").unlink()
    with pytest.raises(DataError, match=r"lacks data_batch_4\.bin"):
        open_cifar(tmp_path)
    assert len(open_cifar(tmp_path, SourceOptions(subset=True)).splits["train"]) == 80
    (tmp_path / "test_batch.bin").unlink()
    with pytest.raises(DataError, match=r"test_batch\.bin"):
        open_cifar(tmp_path, SourceOptions(subset=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_batch_2.bin": b"\0" * 3072}, "not a multiple of 3073"),
        ({"data_batch_2.bin": b""}, "not a multiple"),
        ({"data_batch_2.bin": b"\x0a" + b"\0" * 3072}, "a label that is not below 10"),
        ({"batches.meta.txt": b"cat\ndog\n"}, "does not name 10 classes"),
    ],
)
def test_binary_files_that_lie_are_refused(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        open_cifar(write_files(tmp_path, binary10() | change))


def pickled(**values) -> bytes:
    return pickle.dumps({"labels": [1, 2], "data": np.zeros((2, 3072), np.uint8)} | values, 4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickled(labels=[1, 2, 3]), "3 rows of 3072 bytes"),
        (pickled(labels=[1, 10]), "a label that is not below 10"),
        (pickled(labels=[1, True]), "a label"),
        (pickled(labels="ab"), "lacks data or labels"),
        (pickled(data=np.zeros((2, 3072), np.int8)), "2 rows of 3072 bytes"),
        (pickled(data=np.zeros((3072, 2), np.uint8).T), "2 rows of 3072 bytes"),
        (pickled(data=np.zeros((2, 1536), np.uint16)), "2 rows of 3072 bytes"),
        (pickled(data=[0]), "lacks data"),
        (pickled(data=Call(print, "x")), "it was not executed"),
    ],
)
def test_pickles_that_lie_are_refused(tmp_path, data, message):
    with pytest.raises(DataError, match=message):
        open_cifar(write_files(tmp_path, python10() | {"data_batch_2": data}))
