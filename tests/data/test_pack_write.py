"""Packing: the same bytes for any number of processes, whatever happened on the way."""

import errno
import threading
from dataclasses import replace

import numpy as np
import pytest
from memory_source import (
    files,
    inodes,
    interrupt,
    memory_source,
    random_pictures,
    smooth_pictures,
)
from pack_at_every_crash import SETTINGS as CRASH_SETTINGS
from pack_at_every_crash import SOURCE as CRASH_SOURCE
from pack_slowly import SETTINGS

from alexnet.core.errors import DataError, StorageError, UsageError
from alexnet.data.decode import DecodeError, encode_jpeg
from alexnet.data.pack.estimate import estimate
from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.read import Pack
from alexnet.data.pack.write import pack_source
from alexnet.data.quarantine import QuarantineLimits, read_quarantine


def mixed_source():
    """Encoded pictures of several sizes, arrays, gray ones, and three that cannot be used."""
    pictures = [
        encode_jpeg(picture) if number % 2 else picture
        for number, picture in enumerate(
            [*smooth_pictures(20, (20, 24, 3)), *smooth_pictures(10, (17, 16, 1), seed=2)]
        )
    ]
    pictures[7] = pictures[7][:-40]
    pictures[11] = b"<html>"
    pictures[20] = OSError(errno.EIO, "Input/output error")
    return memory_source(pictures, smooth_pictures(5, (30, 30, 3), seed=1), native=False)


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_any_number_of_processes_gives_the_same_bytes(tmp_path, encoding):
    settings = PackSettings(size=16, encoding=encoding, shard_bytes=1500)
    one, two, three = (
        files(pack_source(mixed_source(), tmp_path / str(workers), settings, workers=workers))
        for workers in (1, 2, 3)
    )
    assert one == two == three
    assert sum(name.endswith(".shard") for name in one) >= 4


def test_unusable_pictures_are_listed_and_left_out(tmp_path):
    seen = []
    folder = pack_source(
        mixed_source(), tmp_path / "p", PackSettings(size=16, shard_bytes=3000), workers=1, progress=seen.append
    )
    rows = read_quarantine(folder / "quarantine.jsonl")
    assert [(row.split, row.item, row.name, row.label, row.code) for row in rows] == [
        ("train", 7, "train/00007.png", "n0003", "truncated"),
        ("train", 11, "train/00011.png", "n0003", "html"),
        ("train", 20, "train/00020.png", "n0000", "unreadable"),
    ]
    with Pack.open(folder, verify=True) as pack:
        assert pack.split("train").items.tolist() == [i for i in range(30) if i not in (7, 11, 20)]
        assert pack.manifest.quarantine.codes == {"html": 1, "truncated": 1, "unreadable": 1}
        assert pack.manifest.quarantine.classes == {"n0000": 1, "n0003": 2}
        assert pack.manifest.class_counts["train"] == (7, 8, 7, 5)
        assert pack.manifest.notes == {"grayscale": 5}
    assert [(p.images, p.shards, p.quarantined) for p in seen[:4]] == [
        (0, 0, 0),
        (3, 1, 0),
        (6, 2, 0),
        (9, 3, 1),
    ]
    assert (seen[-1].images, seen[-1].images_total) == (35, 35)
    assert seen[-1].shards == seen[-1].shards_total == 12


def test_only_training_pictures_count_for_the_statistics(tmp_path):
    train = random_pictures(9)
    folder = pack_source(memory_source(train, random_pictures(30, seed=5)), tmp_path / "p", SETTINGS, workers=1)
    with Pack.open(folder) as pack:
        assert pack.statistics.count == 9
        np.testing.assert_array_equal(pack.mean_image, train.mean(axis=0).astype(np.float32))


def test_too_many_unusable_pictures_stop_the_packing_and_can_be_allowed(tmp_path):
    pictures = list(random_pictures(100))
    for index in range(0, 100, 2):
        pictures[index] = DecodeError("is no picture", code="not-an-image") if index % 4 else b""
    folder, source = tmp_path / "p", memory_source(pictures)
    source.info = replace(source.info, native_shape=(8, 8, 3))
    strict = replace(SETTINGS, limits=QuarantineLimits(class_minimum=25))
    with pytest.raises(DataError, match=r"quarantine\.jsonl: 12 of 100 pictures cannot be used") as caught:
        pack_source(source, folder, strict, workers=1)
    assert caught.value.exit_code == 3
    assert "6 empty (train/00000.png" in str(caught.value)
    assert len(read_quarantine(folder / "quarantine.jsonl")) == 12
    with pytest.raises(DataError, match="is an unfinished pack"):
        Pack.open(folder)
    before = inodes(folder)
    assert len(before) == 3
    allowed = replace(SETTINGS, limits=QuarantineLimits(fraction=1.0, class_fraction=1.0))
    pack_source(source, folder, allowed, workers=1)
    assert before.items() <= inodes(folder).items()
    with Pack.open(folder) as pack:
        assert len(pack.split("train")) == 50


def test_a_finished_pack_is_left_as_it_is(tmp_path):
    folder = pack_source(CRASH_SOURCE, tmp_path / "p", CRASH_SETTINGS, workers=1)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / ".work").mkdir()
    assert pack_source(CRASH_SOURCE, folder, CRASH_SETTINGS, workers=1) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_folder_with_something_else_is_refused_untouched(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(UsageError, match="holds other files; choose another folder"):
        pack_source(CRASH_SOURCE, tmp_path, CRASH_SETTINGS, workers=1)
    with pytest.raises(StorageError, match="a part of the path is a file"):
        pack_source(CRASH_SOURCE, tmp_path / "photo.jpg" / "p", CRASH_SETTINGS, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("is_finished", [True, False])
def test_another_plan_in_the_folder_is_refused_naming_the_difference(tmp_path, is_finished):
    folder = tmp_path / "p"
    if is_finished:
        pack_source(CRASH_SOURCE, folder, CRASH_SETTINGS, workers=1)
    else:
        with pytest.raises(KeyboardInterrupt):
            pack_source(CRASH_SOURCE, folder, CRASH_SETTINGS, workers=1, progress=interrupt)
    before = files(folder)
    for source, settings, difference in (
        (CRASH_SOURCE, replace(CRASH_SETTINGS, size=6), r"size 6 instead of None"),
        (
            CRASH_SOURCE,
            replace(CRASH_SETTINGS, encoding="jpeg"),
            r"encoding jpeg instead of raw, jpeg_quality 95 inst",
        ),
        (
            memory_source(random_pictures(6, (4, 4, 3))),
            CRASH_SETTINGS,
            r"another fingerprint, another splits|another fin",
        ),
    ):
        with pytest.raises(UsageError, match=difference):
            pack_source(source, folder, settings, workers=1)
    assert files(folder) == before


def test_an_error_in_a_worker_reaches_the_caller_whole(tmp_path):
    threads = threading.active_count()
    pictures = [DecodeError("is no picture", code="not-an-image")] * 40
    source = memory_source(pictures)
    source.info = replace(source.info, native_shape=(8, 8, 3))
    with pytest.raises(DataError, match="cannot be used, more than the 10 allowed"):
        pack_source(source, tmp_path / "p", SETTINGS, workers=2)
    with pytest.raises(UsageError, match="there is no filter 'sinc'"):
        pack_source(CRASH_SOURCE, tmp_path / "q", replace(CRASH_SETTINGS, filter="sinc"), workers=2)
    assert threading.active_count() == threads


def test_a_pack_without_usable_training_pictures_is_refused(tmp_path):
    source = memory_source([b"", b""], random_pictures(2))
    with pytest.raises(DataError, match="none of its training pictures can be used"):
        pack_source(source, tmp_path / "p", replace(SETTINGS, size=8), workers=1)
    with pytest.raises(DataError, match="none of its first 2 pictures can be used; name the size"):
        pack_source(source, tmp_path / "q", SETTINGS, workers=1)
    with pytest.raises(DataError, match="has no training pictures"):
        pack_source(memory_source([], random_pictures(2)), tmp_path / "r", SETTINGS, workers=1)


def test_labels_that_are_no_classes_are_refused(tmp_path):
    source = memory_source(random_pictures(3))
    source.splits["train"].labels[1] = 4
    with pytest.raises(DataError, match="has train labels from 0 to 4 for 4 classes"):
        pack_source(source, tmp_path / "p", SETTINGS, workers=1)
    source.splits["train"].labels = source.splits["train"].labels[:2]
    with pytest.raises(DataError, match="has 2 labels for 3 train pictures"):
        pack_source(source, tmp_path / "p", SETTINGS, workers=1)


def test_at_native_size_the_first_picture_gives_the_size_of_all(tmp_path):
    pictures = [*smooth_pictures(8, (5, 6, 3)), *smooth_pictures(1, (6, 6, 3))]
    folder = pack_source(memory_source(pictures, native=False), tmp_path / "p", SETTINGS, workers=1)
    (row,) = read_quarantine(folder / "quarantine.jsonl")
    assert (row.item, row.code, row.reason) == (8, "other-size", "is 6x6x3 and the pack holds 5x6x3 pixels")
    with Pack.open(folder) as pack:
        assert pack.shape == (5, 6, 3)


def test_gray_pictures_stay_gray_unless_color_is_asked_for(tmp_path):
    gray = smooth_pictures(6, (8, 8, 1))
    for channels, shape, encoding in (
        (None, (8, 8, 1), "raw"),
        (None, (8, 8, 1), "jpeg"),
        (3, (8, 8, 3), "raw"),
    ):
        settings = replace(SETTINGS, channels=channels, encoding=encoding)
        folder = pack_source(memory_source(gray), tmp_path / f"{channels}{encoding}", settings, workers=1)
        with Pack.open(folder) as pack:
            assert pack.shape == shape
            read = pack.split("train").read(range(6)).astype(int)
            assert np.abs(read - np.broadcast_to(gray, read.shape)).max() <= (0 if encoding == "raw" else 4)
    color = memory_source(smooth_pictures(6, (8, 8, 3)))
    with pytest.raises(DataError, match="has 3 channels and the pack 1"):
        pack_source(
            color, tmp_path / "c", replace(SETTINGS, channels=1, limits=QuarantineLimits(minimum=0)), workers=1
        )


def test_names_are_kept_whatever_they_are(tmp_path):
    names = ["고양이.jpg", "bad\udcff.jpg", "two\nlines", "<img onerror=x>", "", "\u202egnp", "\U0001f600"]
    folder = pack_source(memory_source(random_pictures(7), names=names), tmp_path / "p", SETTINGS, workers=1)
    with Pack.open(folder) as pack:
        assert [pack.split("train").name(i) for i in range(7)] == names


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_the_estimate_is_near_the_size(tmp_path, encoding):
    source = memory_source(smooth_pictures(200, (32, 32, 3)), smooth_pictures(20, (32, 32, 3)))
    settings = PackSettings(size=32, encoding=encoding, shard_bytes=100_000)
    cost = estimate(source, settings)
    folder = pack_source(source, tmp_path / "p", settings, workers=1)
    shards = {path.name: path.stat().st_size for path in folder.glob("*.shard")}
    assert (cost.images, cost.shape, cost.shards, cost.encoding) == (220, (32, 32, 3), len(shards), encoding)
    assert cost.bytes == pytest.approx(sum(shards.values()), rel=0.01 if encoding == "raw" else 0.1)
    assert cost.bytes_jpeg < cost.bytes_raw


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"encoding": "png"}, "'png' is no encoding of a pack; use raw or jpeg"),
        ({"size": 0}, "a size of 0 pixels cannot be packed"),
        ({"size": 70_000}, "a size of 70000 pixels cannot be packed"),
        ({"jpeg_quality": 0}, "a JPEG quality of 0 does not exist"),
        ({"channels": 2}, "pictures of 2 channels cannot be packed"),
        ({"shard_bytes": 0}, "shards of 0 bytes cannot be written"),
    ],
)
def test_settings_that_mean_nothing_are_refused(setting, message):
    with pytest.raises(UsageError, match=message):
        PackSettings(**setting)
