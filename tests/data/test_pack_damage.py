"""Whatever is wrong with a pack is found, and said in one line."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from memory_source import memory_source
from small_packs import SETTINGS, TRAIN, VAL, make_pack

from alexnet.core.errors import DataError
from alexnet.core.keys import Key
from alexnet.data.pack.manifest import read_manifest
from alexnet.data.pack.read import Pack
from alexnet.data.pack.shard import ShardWriter, read_shard_index
from alexnet.data.pack.write import pack_source


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A pack, left as it is."""
    return make_pack(tmp_path_factory.mktemp("made") / "raw")


@pytest.fixture
def folder(made, tmp_path):
    """A pack to damage."""
    return shutil.copytree(made, tmp_path / "it.pack")


def flip(path, position, bit=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


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


def test_a_shard_of_an_equally_large_pack_is_detected(folder, tmp_path):
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
