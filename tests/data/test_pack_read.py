"""A finished pack gives back what went in, to any number of threads."""

import hashlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_source import files, memory_source, random_pictures
from small_packs import SETTINGS, TRAIN, VAL, make_pack

from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.data.decode import decode, encode_jpeg
from alexnet.data.pack import descriptors
from alexnet.data.pack.manifest import read_manifest
from alexnet.data.pack.read import Pack
from alexnet.data.pack.write import pack_source


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Packs by encoding, shared and left as they are."""
    folder = tmp_path_factory.mktemp("made")
    return {encoding: make_pack(folder / encoding, encoding) for encoding in SETTINGS}


def expected(encoding, pictures):
    if encoding == "raw":
        return pictures
    return np.stack([decode(encode_jpeg(picture, 95)).pixels for picture in pictures])


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
    monkeypatch.setattr(descriptors, "granted", lambda count: 2)
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
