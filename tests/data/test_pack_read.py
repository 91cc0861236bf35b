"""A finished pack gives back what went in, or says in one line what is wrong with it."""

import hashlib
import json
import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_source import files, memory_source, random_pictures, smooth_pictures

from alexnet.core.errors import DataError, UsageError
from alexnet.core.keys import Key
from alexnet.data.decode import decode, encode_jpeg
from alexnet.data.pack import descriptors
from alexnet.data.pack.manifest import read_manifest
from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.read import Pack
from alexnet.data.pack.shard import ShardWriter, read_shard_index
from alexnet.data.pack.write import pack_source

TRAIN = smooth_pictures(40, (8, 8, 3))
VAL = np.concatenate([smooth_pictures(6, (8, 8, 3), seed=1), TRAIN[3:4]])
SETTINGS = {
    "raw": PackSettings(size=None, shard_bytes=8 * 192),
    "jpeg": PackSettings(size=None, shard_bytes=8 * 48, encoding="jpeg"),
}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Packs by encoding, shared and left as they are."""
    folder = tmp_path_factory.mktemp("made")
    return {
        encoding: pack_source(memory_source(TRAIN, VAL), folder / encoding, one, workers=1)
        for encoding, one in SETTINGS.items()
    }


@pytest.fixture
def folder(made, tmp_path):
    """A pack to damage."""
    return shutil.copytree(made["raw"], tmp_path / "it.pack")


def expected(encoding, pictures):
    if encoding == "raw":
        return pictures
    return np.stack([decode(encode_jpeg(picture, 95)).pixels for picture in pictures])


def flip(path, position, bit=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
@settings(max_examples=50)
@given(indices=st.lists(st.integers(0, 39), max_size=60), into=st.booleans())
def test_any_indices_give_what_was_packed(made, encoding, indices, into):
    with Pack.open(made[encoding]) as pack:
        out = np.full((len(indices), 8, 8, 3), 7, np.uint8) if into else None
        read = pack.split("train").read(indices, out)
    assert out is None or read is out
    np.testing.assert_array_equal(read, expected(encoding, TRAIN)[np.array(indices, int)])


def test_a_pack_knows_its_source(made):
    source = memory_source(TRAIN, VAL)
    with Pack.open(made["raw"], verify=True) as pack:
        assert (pack.classes, pack.class_names) == (source.info.classes, source.info.class_names)
        assert (pack.shape, pack.encoding, list(pack.splits)) == ((8, 8, 3), "raw", ["train", "val"])
        for name, split in source.splits.items():
            packed = pack.split(name)
            assert len(packed) == len(split)
            assert packed.labels.dtype == np.int32
            np.testing.assert_array_equal(packed.labels, split.labels)
            np.testing.assert_array_equal(packed.items, np.arange(len(split)))
            assert [packed.name(i) for i in range(len(packed))] == split.names
        np.testing.assert_array_equal(pack.mean_image, TRAIN.mean(axis=0).astype(np.float32))
        np.testing.assert_allclose(pack.statistics.mean, TRAIN.mean(axis=(0, 1, 2)))
        assert pack.manifest.plan.fingerprint == source.fingerprint()


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_equal_pictures_have_equal_digests_in_all_splits(made, encoding):
    with Pack.open(made[encoding]) as pack:
        train, val = pack.split("train").digests, pack.split("val").digests
    assert train.dtype == np.uint64
    assert len(np.unique(train)) == len(train)
    assert np.flatnonzero(np.isin(val, train)).tolist() == [6]
    assert val[6] == train[3]


def test_the_digest_is_that_of_the_contents_alone(made, tmp_path):
    again = pack_source(
        memory_source(TRAIN, VAL, path="elsewhere"), tmp_path / "again", SETTINGS["raw"], workers=1
    )
    other = pack_source(memory_source(TRAIN, VAL[::-1]), tmp_path / "other", SETTINGS["raw"], workers=1)
    assert read_manifest(again).origin.path == "elsewhere"
    assert read_manifest(again).digest == read_manifest(made["raw"]).digest
    assert read_manifest(other).digest != read_manifest(made["raw"]).digest


def test_wrong_arguments_are_refused(made):
    with Pack.open(made["raw"]) as pack:
        train = pack.split("train")
        for index in (-1, 40):
            with pytest.raises(IndexError, match=f"{index} asked of 40"):
                train.read([index])
        for out in (np.empty((1, 8, 8, 3), np.float32), np.empty((2, 8, 8, 3), np.uint8)):
            with pytest.raises(ValueError, match="not contiguous uint8"):
                train.read([0], out)
        with pytest.raises(ValueError, match="not contiguous uint8"):
            train.read([0], np.empty((1, 8, 16, 3), np.uint8)[:, :, ::2])
        with pytest.raises(UsageError, match="has no split 'test'; it has train and val"):
            pack.split("test")


def test_the_reader_of_systems_without_preadv_reads_the_same(made, monkeypatch):
    monkeypatch.setattr(descriptors, "_read_some", descriptors._seek_and_read)
    with Pack.open(made["raw"]) as pack:
        np.testing.assert_array_equal(pack.split("train").read(range(40)), TRAIN)


def test_reads_that_return_early_are_continued(made, monkeypatch):
    monkeypatch.setattr(
        descriptors,
        "_read_some",
        lambda file, view, at: descriptors._seek_and_read(file, view[: len(view) // 2 + 1], at),
    )
    with Pack.open(made["raw"]) as pack:
        np.testing.assert_array_equal(pack.split("train").read(range(40)), TRAIN)


@pytest.mark.parametrize("has_preadv", [True, False])
def test_threads_share_a_bounded_number_of_open_files(made, monkeypatch, has_preadv):
    monkeypatch.setattr(descriptors, "MAX_OPEN", 2)
    if not has_preadv:
        monkeypatch.setattr(descriptors, "_read_some", descriptors._seek_and_read)
    key, barrier = Key.from_seed(0), threading.Barrier(8)
    with Pack.open(made["raw"]) as pack, ThreadPoolExecutor(8) as pool:
        train = pack.split("train")

        def read(thread):
            barrier.wait()
            for turn in range(20):
                indices = key.permutation(100 * thread + turn, 40)[:13]
                np.testing.assert_array_equal(train.read(indices), TRAIN[indices])

        list(pool.map(read, range(8)))
        assert len(train._descriptors) <= 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts descriptors in /proc")
def test_closing_leaves_no_file_open(made):
    before = len(os.listdir("/proc/self/fd"))
    pack = Pack.open(made["raw"])
    pack.split("train").read(range(40))
    assert len(os.listdir("/proc/self/fd")) == before + 5
    pack.close()
    assert len(os.listdir("/proc/self/fd")) == before
    np.testing.assert_array_equal(pack.split("train").read([7]), TRAIN[[7]])
    del pack
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_damaged_record_is_named_and_the_others_are_read(folder):
    flip(folder / "train-00001.shard", 4096 + 3 * 192 + 5)
    with Pack.open(folder) as pack:
        train = pack.split("train")
        with pytest.raises(
            DataError, match=r"train-00001\.shard: record 3 \(train/00011\.png\) is damaged: .*; restore"
        ):
            train.read([0, 11])
        others = [i for i in range(40) if i != 11]
        np.testing.assert_array_equal(train.read(others), TRAIN[others])
        assert [str(error).split(":")[1] for error in pack.damage()] == [
            " record 3 (train/00011.png) is damaged"
        ]
    with pytest.raises(DataError, match="record 3"):
        Pack.open(folder, verify=True)


def test_a_record_is_checked_when_it_is_first_read(folder):
    with Pack.open(folder) as pack:
        train = pack.split("train")
        train.read([1])
        flip(folder / "train-00000.shard", 4096 + 192)
        train.read([1])
        flip(folder / "train-00000.shard", 4096 + 2 * 192)
        with pytest.raises(DataError, match="record 2"):
            train.read([2])
        assert len(list(pack.damage())) == 2


def test_a_shard_cut_while_it_is_open_is_an_error_of_its_own(folder):
    with Pack.open(folder) as pack:
        pack.split("train").read([39])
        os.truncate(folder / "train-00004.shard", 4096 + 7 * 192 + 100)
        with pytest.raises(DataError, match=r"record 7 \(train/00039\.png\) is cut"):
            pack.split("train").read([39])


def test_a_shard_removed_after_opening_is_named(folder):
    with Pack.open(folder) as pack:
        (folder / "val-00000.shard").unlink()
        with pytest.raises(DataError, match=r"val-00000\.shard: cannot be opened"):
            pack.split("val").read([0])
        assert [error.where for error in pack.damage()] == [str(folder / "val-00000.shard")]


def test_every_bit_flip_of_a_pack_is_detected_or_harmless(tmp_path):
    """2000 flips over all files. Harmless are those of the notes on the pack's origin, which no reader uses, and of
    the 17th digit of a number that stays the same number."""
    folder = pack_source(memory_source(TRAIN[:8], VAL[:3]), tmp_path / "it.pack", SETTINGS["raw"], workers=1)
    key, manifest = Key.from_seed(3), read_manifest(folder)
    for name, count in (
        ("pack.json", 700),
        ("mean-image.f32", 100),
        ("train-00000.shard", 700),
        ("val-00000.shard", 500),
    ):
        path, data = folder / name, (folder / name).read_bytes()
        for flipped, word in enumerate(key.derive(name).words(0, 0, count).tolist()):
            flip(path, word % len(data), flipped % 8)
            try:
                with Pack.open(folder, verify=name.endswith(".shard")) as pack:
                    assert name == "pack.json"
                    assert replace(pack.manifest, origin=manifest.origin) == manifest
            except DataError as error:
                assert "\n" not in str(error)
            path.write_bytes(data)


@pytest.mark.parametrize("name", ["train-00000.shard", "val-00000.shard", "mean-image.f32", "pack.json"])
def test_every_cut_of_a_file_is_detected_on_open(folder, name):
    data = (folder / name).read_bytes()
    for size in range(0, len(data), 64):
        (folder / name).write_bytes(data[:size])
        with pytest.raises(DataError, match=name):
            Pack.open(folder)


def test_shards_in_each_others_place_are_detected(folder):
    first, second = folder / "train-00000.shard", folder / "train-00001.shard"
    assert first.stat().st_size == second.stat().st_size
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    with pytest.raises(DataError, match="is a shard of another pack"):
        Pack.open(folder)


def test_a_shard_of_an_equally_large_pack_is_detected(made, folder, tmp_path):
    other = pack_source(
        memory_source(TRAIN[::-1].copy(), VAL, classes=5), tmp_path / "other", SETTINGS["raw"], workers=1
    )
    shutil.copy(other / "train-00000.shard", folder / "train-00000.shard")
    with pytest.raises(DataError, match="is a shard of another pack"):
        Pack.open(folder)


def test_a_shard_written_anew_with_another_name_is_detected_by_verifying(folder):
    path = folder / "val-00000.shard"
    index = read_shard_index(path)
    with open(path, "wb") as stream:
        writer = ShardWriter(stream, index.header)
        for number, (entry, picture) in enumerate(zip(index.entries, VAL, strict=True)):
            facts = {field: int(entry[field]) for field in ("item", "label", "digest")}
            writer.add(picture.tobytes(), name=f"val/9000{number}.png", **facts)
        writer.finish()
    with (
        Pack.open(folder) as pack,
        pytest.raises(DataError, match=r"val-00000\.shard: is damaged: its bytes differ"),
    ):
        pack.verify()


def test_a_changed_listing_of_unusable_pictures_is_detected_by_verifying(folder):
    (folder / "quarantine.jsonl").write_text("{}\n", encoding="utf-8")
    with Pack.open(folder) as pack, pytest.raises(DataError, match=r"quarantine\.jsonl: is damaged"):
        pack.verify()


def test_each_thing_that_is_no_pack_is_said_to_be_what_it_is(tmp_path):
    for path, message in (
        (tmp_path / "absent", "absent: does not exist; check the path"),
        (tmp_path / "file", "file: is a file, and a pack is a folder"),
        (tmp_path / "empty", r"empty: is not a pack: it holds no pack\.json"),
        (tmp_path / "half", "half: is an unfinished pack; run the same `alexnet pack` again"),
    ):
        (tmp_path / "file").touch()
        (tmp_path / "empty").mkdir(exist_ok=True)
        (tmp_path / "half" / ".work").mkdir(parents=True, exist_ok=True)
        with pytest.raises(DataError, match=message):
            Pack.open(path)


def change_json(folder, **changes):
    value = json.loads((folder / "pack.json").read_bytes()) | changes
    (folder / "pack.json").write_text(json.dumps(value), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "is the manifest of another pack format than 1"),
        ({"format": "1"}, "is not a manifest"),
        ({"more": 1}, "manifest has the unknown field 'more'"),
        ({"notes": {"cmyk": 1}}, "contents do not match its digest"),
        ({"digest": 5}, "contents do not match its digest"),
    ],
)
def test_a_manifest_that_is_not_as_written_is_refused(folder, change, message):
    change_json(folder)
    Pack.open(folder)
    change_json(folder, **change)
    with pytest.raises(DataError, match=message):
        Pack.open(folder)


def contradictions(manifest):
    plan, train = manifest.plan, manifest.splits["train"]
    hostile = {"../x": 40, "val": 7}
    yield {"plan": replace(plan, shape=(8, 8, 2))}, "a shape that no packer writes"
    yield {"plan": replace(plan, encoding="png")}, "an encoding that no packer writes"
    yield {"plan": replace(plan, items_per_shard=0)}, "shards without pictures"
    yield {"plan": replace(plan, items_per_shard=7)}, "5 train shards instead of 6"
    yield {"plan": replace(plan, class_names=("one",))}, "class names than classes"
    yield {"plan": replace(plan, splits={"train": 40})}, "other splits than planned"
    yield (
        {
            "plan": replace(plan, splits=hostile),
            "splits": {"../x": train, "val": manifest.splits["val"]},
            "class_counts": {"../x": (10,) * 4, "val": manifest.class_counts["val"]},
        },
        "a split name that no packer writes",
    )
    yield {"statistics": replace(manifest.statistics, mean=(1.0,))}, "statistics of another number"
    elsewhere = (replace(train[0], file="../train-00000.shard"), *train[1:])
    yield {"splits": manifest.splits | {"train": elsewhere}}, "a wrong entry for train shard 0"
    larger = (replace(train[0], count=9), *train[1:])
    yield {"splits": manifest.splits | {"train": larger}}, "a wrong entry for train shard 0"
    yield {"class_counts": manifest.class_counts | {"train": (10, 10, 10, 9)}}, "wrong class counts for train"
    yield (
        {"class_counts": manifest.class_counts | {"train": (9, 11, 10, 10)}},
        "class counts of train are not those",
    )
    yield {"plan": replace(plan, fingerprint="0")}, "a shard of another pack"


def test_a_manifest_that_contradicts_itself_is_refused_though_its_digest_is_right(folder):
    manifest = read_manifest(folder)
    for change, message in contradictions(manifest):
        replace(manifest, **change).commit(folder)
        with pytest.raises(DataError, match=message):
            Pack.open(folder)
    manifest.commit(folder)
    Pack.open(folder)


def test_a_file_list_is_all_there_is(made):
    assert sorted(files(made["raw"])) == [
        "mean-image.f32",
        "pack.json",
        "quarantine.jsonl",
        *(f"train-0000{k}.shard" for k in range(5)),
        "val-00000.shard",
    ]
    manifest = read_manifest(made["raw"])
    for shards in manifest.splits.values():
        for shard in shards:
            assert hashlib.sha256((made["raw"] / shard.file).read_bytes()).hexdigest() == shard.sha256


def test_random_pixels_survive_raw_packing(tmp_path):
    pictures = random_pictures(30, (5, 7, 1))
    path = pack_source(
        memory_source(pictures), tmp_path / "p", replace(SETTINGS["raw"], shard_bytes=100), workers=1
    )
    with Pack.open(path) as pack:
        assert len(pack.split("val")) == 0
        np.testing.assert_array_equal(pack.split("train").read(np.arange(29, -1, -1)), pictures[::-1])
        assert pack.split("val").read([]).shape == (0, 5, 7, 1)
