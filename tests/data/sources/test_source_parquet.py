"""Hugging Face parquet shards: CIFAR-10 itself, and tables that are not what they should be."""

import io
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from alexnet.core.errors import DataError, UsageError
from alexnet.data.sources import parquet as reading
from alexnet.data.sources.detect import open_source
from alexnet.data.sources.options import SourceOptions
from alexnet.data.sources.parquet import open_parquet

pa = pytest.importorskip("pyarrow", reason="the parquet extra is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="the parquet extra is not installed")

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(side: int, value: int, mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (side, side), value).save(stream, "PNG")
    return stream.getvalue()


def table(labels, pictures=None, *, image="image", label="label", names=None, kind=None) -> "pa.Table":
    pictures = [b"p%d" % i for i in range(len(labels))] if pictures is None else pictures
    rows = [{"bytes": data, "path": "/etc/passwd"} for data in pictures]
    columns = {image: pa.array(rows, STRUCT), label: pa.array(labels, kind or pa.int64())}
    made = pa.table(columns)
    if names:
        features = {"info": {"features": {label: {"names": names, "_type": "ClassLabel"}}}}
        made = made.replace_schema_metadata({"huggingface": json.dumps(features)})
    return made


def write(folder, shards, group=2):
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in shards.items():
        pq.write_table(made, folder / f"{name}.parquet", row_group_size=group)
    return folder


def test_cifar_10_is_read_from_its_shards(test_data):
    source = open_source(test_data / "cifar10")
    assert source.info.kind == "parquet" and source.info.native_shape == (32, 32, 3)
    assert (
        source.info.classes[:4] == ("airplane", "automobile", "bird", "cat") and len(source.info.classes) == 10
    )
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 50000, "val": 10000}
    assert np.bincount(source.splits["train"].labels).tolist() == [5000] * 10
    copy = pickle.loads(pickle.dumps(source))
    for split, index in (("train", 0), ("train", 10000), ("train", 49999), ("val", 1234)):
        picture = source.splits[split].read(index)
        assert Image.open(io.BytesIO(picture)).size == (32, 32)
        assert copy.splits[split].read(index) == picture
    assert copy.fingerprint() == source.fingerprint()


def test_rows_are_found_across_row_groups_and_shards(tmp_path):
    shards = {
        "train-1": table([0, 1, 0], names=["cat", "dog"]),
        "train-0": table([1] * 5),
        "test-0": table([0]),
    }
    pictures = {"train-1": [b"x", b"y", b"z"]}
    shards["train-1"] = table([0, 1, 0], pictures["train-1"])
    shards["train-0"] = table([1] * 5, names=["cat", "dog"])
    source = open_parquet(write(tmp_path, shards))
    assert source.info.classes == ("cat", "dog")
    train = source.splits["train"]
    assert [train.read(i) for i in range(8)] == [b"p0", b"p1", b"p2", b"p3", b"p4", b"x", b"y", b"z"]
    assert [train.read(i) for i in (7, 0, 5)] == [b"z", b"p0", b"x"]
    assert train.labels.tolist() == [1] * 5 + [0, 1, 0]
    assert [train.name(i) for i in (3, 7)] == ["train-0.parquet[1:1]", "train-1.parquet[1:0]"]
    with pytest.raises(IndexError):
        train.read(8)


@pytest.mark.parametrize(("image", "label"), [("img", "labels"), ("image", "fine_label"), ("img", "label")])
def test_the_usual_names_of_columns_are_understood(tmp_path, image, label):
    source = open_parquet(write(tmp_path, {"train": table([0, 1], image=image, label=label, kind=pa.int8())}))
    assert source.info.classes == ("0", "1")


def test_validation_is_preferred_to_test_and_sub_folders_are_found(tmp_path):
    shards = {
        "train-0": table([0, 1]),
        "validation-0": table([1]),
        "test-0": table([0, 0]),
        "extra": table([0]),
    }
    write(tmp_path / "data", shards)
    source = open_source(tmp_path)
    assert source.splits["val"].labels.tolist() == [1]
    assert source.ignored == {"parquet files of the split test": 1, "parquet files of no split": 1}


def test_one_file_is_a_whole_source_of_which_a_part_is_set_aside(tmp_path):
    write(tmp_path, {"some": table([0, 1] * 5)})
    source = open_source(tmp_path / "some.parquet", val_fraction=0.4)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 6, "val": 4}


@pytest.mark.parametrize(
    ("pictures", "shape"),
    [
        ([png(32, 1), png(32, 2)], (32, 32, 3)),
        ([png(28, 1, "L"), png(28, 2, "L")], (28, 28, 1)),
        ([png(32, 1), png(31, 2)], None),
        ([png(97, 1), png(97, 2)], None),
        ([png(32, 1, "P"), png(32, 2, "P")], None),
        ([b"not a picture", png(32, 2)], None),
    ],
)
def test_a_small_size_that_all_share_is_the_native_one(tmp_path, pictures, shape):
    source = open_parquet(write(tmp_path, {"train": table([0, 1], pictures)}), SourceOptions(val_fraction=0))
    assert source.info.native_shape == shape


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (pa.table({"picture": [b""], "label": [0]}), "has the columns picture, label; needed are img or image"),
        (pa.table({"img": [b"", b""], "label": [0, 1]}), r"column img of type binary, not of pictures"),
        (pa.table({"img": [{"bytes": "text"}], "label": [0]}), "not of pictures"),
        (pa.table({"img": [{"path": "x"}], "label": [0]}), "not of pictures"),
        (table(["cat", "dog"], kind=pa.string()), "column label of type string, not of whole numbers"),
        (table([0.0, 1.0], kind=pa.float32()), "not of whole numbers"),
        (table([0, None]), "without a label"),
        (table([0, -1]), "without a label"),
        (table([0, 2], names=["cat", "dog"]), "the label 2, and can have 2 classes"),
        (table([0, 1 << 30]), "can have 65535 classes"),
        (table([0, 1 << 40]), "without a label"),
        (table([0, 1], names=[1, 2]), "something other than a list of text"),
        (table([0, 1]).replace_schema_metadata({"huggingface": "{"}), "not JSON"),
        (table([]), "holds no pictures"),
        (table([0, 0]), "one class only"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, made, message):
    with pytest.raises(DataError, match=message):
        open_source(write(tmp_path, {"train": made}))


def test_a_row_without_bytes_is_refused_when_read(tmp_path):
    train = open_parquet(write(tmp_path, {"train": table([0, 1], [b"x", None])}), SourceOptions(val_fraction=0))
    with pytest.raises(DataError, match=r"no picture in train\.parquet\[0:1\]"):
        train.splits["train"].read(1)


def test_damage_is_refused_wherever_it_is(tmp_path):
    whole = (
        write(tmp_path, {"train": table([0, 1] * 5, [bytes([i]) * 50 for i in range(10)])}) / "train.parquet"
    )
    data = whole.read_bytes()
    for position in range(0, len(data), 17):
        whole.write_bytes(data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :])
        try:
            source = open_parquet(whole, SourceOptions(val_fraction=0))
            for index in range(10):
                source.splits["train"].read(index)
        except DataError:
            continue
    for size in range(0, len(data), 53):
        whole.write_bytes(data[:size])
        with pytest.raises(DataError):
            open_source(whole, format="parquet")


def test_a_shard_changed_after_listing_is_refused(tmp_path):
    train = open_parquet(write(tmp_path, {"train": table([0, 1])}), SourceOptions(val_fraction=0)).splits[
        "train"
    ]
    train = pickle.loads(pickle.dumps(train))
    write(tmp_path, {"train": table([0, 1] * 9)})
    with pytest.raises(DataError, match="has changed"):
        train.read(0)


def test_a_value_repeated_a_million_times_is_in_memory_once(tmp_path):
    big = pa.array([{"bytes": bytes(1 << 20), "path": ""}], STRUCT)
    column = pa.chunked_array([big.take(pa.array(np.zeros(16, np.int64)))] * 1)
    made = pa.table({"image": column, "label": pa.array([0, 1] * 8)})
    pq.write_table(made, tmp_path / "train.parquet", row_group_size=16)
    split = open_parquet(tmp_path, SourceOptions(val_fraction=0)).splits["train"]
    pa.default_memory_pool().release_unused()
    before = pa.total_allocated_bytes()
    assert split.read(15) == bytes(1 << 20)
    assert pa.total_allocated_bytes() - before < 4 << 20


def test_an_unsafe_pyarrow_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pa, "__version__", "14.0.0")
    with pytest.raises(UsageError, match=r"pyarrow 14\.0\.0 is unsafe"):
        open_parquet(write(tmp_path, {"train": table([0, 1])}))


def test_a_missing_pyarrow_is_said_with_the_extra(tmp_path, monkeypatch):
    write(tmp_path, {"train": table([0, 1])})
    monkeypatch.setitem(reading.warnings.sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r'pip install "alexnet\[parquet\]"'):
        open_parquet(tmp_path)
