"""Class folders: the arrangements understood, their order, and what is passed over or refused."""

import os
import pickle
import unicodedata

import numpy as np
import pytest
from source_files import class_files, contents, picture_names, tar_bytes, write_files

from alexnet.core.errors import DataError
from alexnet.data.sources.folder import open_folder
from alexnet.data.sources.options import SourceOptions

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX file kinds and names")


def test_classes_and_pictures_are_ordered_by_bytes(tmp_path):
    files = {f"{c}/{i}.jpg": b"1" for c in ("b", "a", "B", "가", "Z") for i in (10, 9, 1)}
    source = open_folder(write_files(tmp_path, files), SourceOptions(val_fraction=0))
    assert source.info.classes == ("B", "Z", "a", "b", "가")
    train = source.splits["train"]
    assert picture_names(train)[:4] == ["B/1.jpg", "B/10.jpg", "B/9.jpg", "Z/1.jpg"]
    assert train.labels.tolist() == np.repeat(np.arange(5), 3).tolist()
    assert train.labels.dtype == np.int32


@pytest.mark.parametrize("val", ["val", "valid", "validation", "eval", "test", "t10k", "Val"])
def test_every_name_of_a_validation_folder_is_understood(tmp_path, val):
    train, val_files = class_files("cat", "dog", folder="train/"), class_files("dog", folder=f"{val}/", count=2)
    source = open_folder(write_files(tmp_path, train | val_files))
    assert contents(source.splits["val"]) == {name: (1, data) for name, data in val_files.items()}
    assert len(source.splits["train"]) == 8


def test_val_is_preferred_to_test_whose_pictures_are_counted(tmp_path):
    files = {
        k: v
        for part in ("train", "test", "val")
        for k, v in class_files("cat", "dog", folder=f"{part}/").items()
    }
    source = open_folder(write_files(tmp_path, files))
    assert picture_names(source.splits["val"])[0] == "val/cat/0.jpg"
    assert source.ignored == {"pictures outside the class folders": 8}


def test_an_unlabelled_test_folder_is_not_a_validation_part(tmp_path):
    files = class_files("cat", "dog", folder="train/", count=10) | {"test/1.jpg": b"1"}
    source = open_folder(write_files(tmp_path, files))
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 18, "val": 2}


@pytest.mark.parametrize("top", ["tiny/", "home/me/tiny/", "./"])
def test_folders_that_hold_everything_are_looked_through(tmp_path, top):
    files = class_files("cat", "dog", folder=f"{top}train/") | class_files("cat", folder=f"{top}val/")
    path = tmp_path / "a.tar"
    path.write_bytes(tar_bytes(files))
    source = open_folder(path)
    assert source.info.classes == ("cat", "dog")
    assert len(source.splits["val"]) == 4


def test_a_folder_and_its_archives_have_the_same_fingerprint(tmp_path):
    files = class_files("cat", "dog") | {"cat/deep/er/x.PNG": b"x"}
    folder = open_folder(write_files(tmp_path / "a", files))
    (tmp_path / "b.tar").write_bytes(tar_bytes(files))
    (tmp_path / "c.tgz").write_bytes(tar_bytes(files, mode="w:gz"))
    prints = {folder.fingerprint()} | {open_folder(tmp_path / n).fingerprint() for n in ("b.tar", "c.tgz")}
    assert len(prints) == 1
    assert len(next(iter(prints))) == 64


@pytest.mark.parametrize(
    "change", [{"cat/0.jpg": b"longer than before"}, {"cat/9.jpg": b"1"}, {"cow/0.jpg": b"1"}], ids=str
)
def test_a_changed_listing_changes_the_fingerprint(tmp_path, change):
    files = class_files("cat", "dog")
    before = open_folder(write_files(tmp_path, files)).fingerprint()
    assert open_folder(write_files(tmp_path, change)).fingerprint() != before


def test_the_original_tiny_imagenet_is_understood(tmp_path):
    files = {f"train/{c}/images/{c}_{i}.JPEG": b"1" for c in ("n01", "n02") for i in range(3)}
    files |= {f"train/{c}/{c}_boxes.txt": b"" for c in ("n01", "n02")}
    files |= {f"val/images/val_{i}.JPEG": b"v" for i in range(4)} | {"test/images/test_0.JPEG": b"t"}
    lines = [f"val_{i}.JPEG\tn0{1 + (i > 0)}\t0\t0\t9\t9\n" for i in range(4)]
    files |= {
        "val/val_annotations.txt": "".join(lines).encode(),
        "words.txt": b"n01\tgoldfish, Carassius\nn09\tx\n",
    }
    source = open_folder(
        write_files(tmp_path, {f"tiny-imagenet-200/{name}": data for name, data in files.items()})
    )
    assert source.info.classes == ("n01", "n02")
    assert source.info.class_names == ("goldfish", "n02")
    assert source.splits["val"].labels.tolist() == [0, 1, 1, 1]
    assert len(source.splits["train"]) == 6


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (b"v0.JPEG\tn01\nv1.JPEG\tn02\nv2.JPEG\tn01\n", "names 3 pictures, and 2 are there"),
        (b"v0.JPEG\tn01\n", "gives no class"),
        (b"v0.JPEG\tn01\nv1.JPEG\tn77\n", "classes that train lacks: n77"),
    ],
)
def test_annotations_that_do_not_match_the_pictures_are_refused(tmp_path, annotations, message):
    files = class_files("n01", "n02", folder="train/") | {f"val/images/v{i}.JPEG": b"v" for i in range(2)}
    write_files(tmp_path, files | {"val/val_annotations.txt": annotations})
    with pytest.raises(DataError, match=message):
        open_folder(tmp_path)


def test_class_names_beside_an_archive_are_used(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar_bytes(class_files("n1", "n2", "n3")))
    (tmp_path / "classes.txt").write_bytes(
        b"\xef\xbb\xbfn1\tkoala, bear\r\nn2 sea slug, nudibranch\r\nother\tx\r\n"
    )
    assert open_folder(tmp_path / "a.tar").info.class_names == ("koala", "sea slug", "n3")


def test_junk_is_counted_and_passed_over(tmp_path):
    junk = [
        "cat/.DS_Store",
        "cat/._0.jpg",
        "cat/Thumbs.db",
        "__MACOSX/cat/._0.jpg",
        ".git/x.jpg",
        "dog/.a.JPEG.lVUKt8",
    ]
    files = class_files("cat", "dog") | dict.fromkeys(junk, b"") | {"cat/readme.md": b"", "stray.jpg": b""}
    source = open_folder(write_files(tmp_path, files))
    assert source.info.classes == ("cat", "dog")
    assert source.ignored == {
        "hidden and system files": 6,
        "files that are not pictures": 1,
        "pictures outside the class folders": 1,
    }


@posix_only
def test_class_folders_with_one_normalized_name_are_refused_with_both(tmp_path):
    forms = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    path = tmp_path / "a.tar"
    path.write_bytes(tar_bytes(class_files(*forms, "dog")))
    with pytest.raises(DataError) as caught:
        open_folder(path)
    assert r"'caf\xe9'" in caught.value.what and r"'cafe\u0301'" in caught.value.what


def test_train_and_val_in_different_unicode_forms_are_the_same_class(tmp_path):
    korean = "강아지"
    files = class_files(unicodedata.normalize("NFD", korean), "개", folder="train/")
    files |= class_files(unicodedata.normalize("NFC", korean), folder="val/")
    path = tmp_path / "a.tar"
    path.write_bytes(tar_bytes(files))
    source = open_folder(path)
    assert source.info.classes == (korean, "개")
    assert set(source.splits["val"].labels.tolist()) == {0}


@posix_only
def test_names_that_are_not_text_are_classes_and_pictures_too(tmp_path):
    name = os.fsdecode(b"\xb0\xa1\xff")
    files = class_files(name, "dog", count=12) | {f"dog/{name}\n.jpg": b"odd"}
    source = open_folder(write_files(tmp_path, files))
    assert name in source.info.classes
    found = {**contents(source.splits["train"]), **contents(source.splits["val"])}
    assert {key: data for key, (_, data) in found.items()} == files
    assert pickle.loads(pickle.dumps(source)).fingerprint() == source.fingerprint()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (class_files("cat"), r"one class only \(cat\)"),
        (class_files("cat", folder="train/"), r"one class only \(cat\)"),
        ({"a.jpg": b"", "b.jpg": b""}, "no pictures in class folders.*outside class folders: 2"),
        ({"cat/a.txt": b"", "dog/b.txt": b""}, "not pictures: 2"),
        (class_files("cat", "dog", folder="val/"), "has val/ and no train/"),
        (
            class_files("a", "b", folder="train/") | class_files("x", "y", "z", "zz", folder="val/"),
            "x, y, z and 1 more",
        ),
        (class_files("a", "b") | {"c/notes.txt": b""}, "no pictures in the class folder c/"),
        (class_files("a", "b", folder="train/") | {"train/c/d/x.txt": b""}, "the class folder train/c/"),
    ],
)
def test_an_arrangement_that_cannot_be_used_is_refused_with_its_reason(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        open_folder(write_files(tmp_path, files))


def test_tiny_imagenet_40_is_read_from_its_archive(test_data, tmp_path):
    path = test_data / "tiny-imagenet-40" / "tiny-imagenet-40.tar.gz"
    source = open_folder(path, SourceOptions(work_folder=tmp_path))
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 20000, "val": 2000}
    assert len(source.info.classes) == 40 and source.info.classes[0] == "n01774750"
    assert source.info.class_names[:3] == ("tarantula", "goose", "koala")
    copy = pickle.loads(pickle.dumps(source))
    for index in (0, 777, 1999):
        picture = copy.splits["val"].read(index)
        assert picture[:2] == b"\xff\xd8" and picture == source.splits["val"].read(index)
        assert (
            source.splits["val"].name(index).split("/")[1]
            == source.info.classes[source.splits["val"].labels[index]]
        )
