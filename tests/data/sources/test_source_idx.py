"""idx files: MNIST itself, its relatives' names, and headers that lie."""

import gzip
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import write_files

from alexnet.core.errors import DataError
from alexnet.data.sources.detect import open_source
from alexnet.data.sources.idx import open_idx, read_idx
from alexnet.data.sources.options import SourceOptions

PIXELS = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def pair(name: str, labels: list[int], sep: str = "-", pixels: np.ndarray = PIXELS) -> dict[str, bytes]:
    images = pixels[: len(labels)]
    named = {
        f"{name}-images{sep}idx3-ubyte": images,
        f"{name}-labels{sep}idx1-ubyte": np.array(labels, np.uint8),
    }
    return {key: idx(values) for key, values in named.items()}


def test_mnist_is_read_from_its_files(test_data):
    source = open_source(test_data / "mnist")
    assert source.info.kind == "idx" and source.info.native_shape == (28, 28, 1)
    assert source.info.classes == tuple("0123456789")
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 60000, "val": 10000}
    train = source.splits["train"]
    assert train.labels[:3].tolist() == [5, 0, 4]
    with gzip.open(test_data / "mnist" / "train-images-idx3-ubyte.gz") as stream:
        stream.seek(16 + 784 * 59999)
        last = np.frombuffer(stream.read(), np.uint8).reshape(28, 28, 1)
    np.testing.assert_array_equal(train.read(59999), last)
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy.splits["train"].read(59999), last)
    assert copy.fingerprint() == source.fingerprint()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("prefix", "sep", "val"), [("", "-", "t10k"), ("", ".", "t10k"), ("emnist-letters-", "-", "test")]
)
def test_the_names_of_the_relatives_are_understood(tmp_path, prefix, sep, val, zipped):
    files = pair(f"{prefix}train", [3, 1, 3, 26], sep) | pair(f"{prefix}{val}", [26, 1], sep)
    if zipped:
        files = {f"{name}.gz": gzip.compress(data) for name, data in files.items()}
    source = open_source(write_files(tmp_path, files))
    assert source.info.classes == ("1", "3", "26")
    assert source.splits["train"].labels.tolist() == [1, 0, 1, 2]
    assert source.splits["val"].labels.tolist() == [2, 0]
    np.testing.assert_array_equal(source.splits["val"].read(1), PIXELS[1][:, :, None])


def test_without_a_test_part_one_is_set_aside(tmp_path):
    source = open_idx(write_files(tmp_path, pair("train", [0, 1, 0, 1])), SourceOptions(val_fraction=0.5))
    assert sorted(source.splits["val"].labels.tolist()) == [0, 1]
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy.splits["val"].read(0), source.splits["val"].read(0))


def test_one_of_several_sets_is_chosen_by_its_file(tmp_path):
    files = {
        k: v
        for s in ("a", "b")
        for part in ("train", "test")
        for k, v in pair(f"emnist-{s}-{part}", [0, 1]).items()
    }
    write_files(tmp_path, files)
    with pytest.raises(DataError, match="several sets: emnist-a, emnist-b"):
        open_source(tmp_path)
    source = open_source(tmp_path / "emnist-b-train-images-idx3-ubyte")
    assert source.splits["val"].name(1) == "emnist-b-test-images-idx3-ubyte[1]"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pair("t10k", [0, 7]), r"labels \[7\], which the training set lacks"),
        ({"train-labels-idx1-ubyte": idx(np.zeros(3, np.uint8))}, "3 labels for 4 pictures"),
        (pair("t10k", [0, 1], pixels=PIXELS.reshape(6, 3, 4)), "pictures of another size"),
        ({"train-labels-idx1-ubyte": None}, r"train-labels-idx1-ubyte\.gz: is missing"),
        ({"train-images-idx3-ubyte": None}, "holds no train-images"),
        ({"train-images-idx3-ubyte": idx(PIXELS)[:-1]}, "claims 6 x 4 x 3 bytes of values and has 71"),
        ({"train-images-idx3-ubyte": idx(PIXELS) + b"x"}, "has 73"),
        ({"train-images-idx3-ubyte": bytes([0, 0, 8, 3]) + b"\xff" * 12}, "and has 0"),
        ({"train-images-idx3-ubyte": bytes([0, 0, 8, 3]) + bytes(12)}, "and has 0"),
        ({"train-images-idx3-ubyte": idx(PIXELS.reshape(-1))}, "not an idx file of bytes in 3 dimensions"),
        ({"train-images-idx3-ubyte": idx(PIXELS).replace(b"\x08", b"\x0d", 1)}, "not an idx file"),
        ({"train-images-idx3-ubyte": b""}, "not an idx file"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path, change, message):
    files = pair("train", [0, 1, 0, 1]) | pair("t10k", [0, 1]) | change
    with pytest.raises(DataError, match=message):
        open_source(write_files(tmp_path, {name: data for name, data in files.items() if data is not None}))


@pytest.mark.parametrize(
    "data",
    [gzip.compress(idx(PIXELS), mtime=0) + b"more", gzip.compress(idx(PIXELS), mtime=0)[:-5]],
    ids=["go on", "cut"],
)
def test_gzipped_files_that_are_cut_or_go_on_are_refused(tmp_path, data):
    path = tmp_path / "x.gz"
    path.write_bytes(data)
    with pytest.raises(DataError, match="cut or damaged"):
        read_idx(path, 3, tmp_path)


def test_a_bomb_is_refused(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 1]) + struct.pack(">I", 32 << 20) + bytes(32 << 20)))
    with pytest.raises(DataError, match="200-fold"):
        read_idx(path, 1, tmp_path)


@settings(max_examples=200, deadline=None)
@given(head=st.binary(max_size=24), tail=st.binary(max_size=40), zipped=st.booleans())
def test_any_header_is_refused_or_tells_the_truth(tmp_path_factory, head, tail, zipped):
    folder = tmp_path_factory.getbasetemp()
    data = bytes([0, 0, 8, 3]) + head + tail
    path = folder / "fuzz-idx"
    path.write_bytes(gzip.compress(data, mtime=0) if zipped else data)
    try:
        found = read_idx(path, 3, folder)
    except DataError:
        return
    assert int(np.prod(found.shape)) == len(data) - 16 > 0
