"""Recognition by content, and what a person is told when there is nothing to recognize."""

import zipfile

import pytest
from source_files import class_files, tar_bytes, write_files

from alexnet.core.errors import DataError, UsageError
from alexnet.data.sources.detect import FORMATS, open_source
from alexnet.data.sources.listing import LARGEST_PICTURE
from alexnet.data.sources.members import Members, clean_name, common_folder


def test_archives_are_told_by_content_whatever_they_are_called(tmp_path):
    files = class_files("cat", "dog")
    (tmp_path / "one").write_bytes(tar_bytes(files))
    (tmp_path / "two.dat").write_bytes(tar_bytes(files, mode="w:gz"))
    with zipfile.ZipFile(tmp_path / "three", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    prints = {open_source(tmp_path / name).fingerprint() for name in ("one", "two.dat", "three")}
    assert len(prints) == 1


@pytest.mark.parametrize("name", ["pets.tar", "list.csv"])
def test_a_folder_with_one_source_in_it_is_that_source(tmp_path, name):
    files = {
        "pets.tar": tar_bytes(class_files("cat", "dog")),
        "list.csv": b"path,label\na.jpg,cat\nb.jpg,dog\n",
    }
    write_files(tmp_path, {name: files[name], "readme.txt": b"hello", "a.jpg": b"a", "b.jpg": b"b"})
    assert open_source(tmp_path).info.classes == ("cat", "dog")


def test_a_folder_with_several_sources_asks_for_one(tmp_path):
    write_files(tmp_path, {f"{n}.tar": tar_bytes(class_files("cat", "dog")) for n in "ab"})
    with pytest.raises(DataError, match=r"several sources \(a\.tar, b\.tar\)"):
        open_source(tmp_path)


def test_an_archive_of_imagenet_leads_to_its_folder(tmp_path):
    path = write_files(tmp_path, {"ILSVRC2012_img_train.tar": b""}) / "ILSVRC2012_img_train.tar"
    with pytest.raises(DataError, match="lacks the development kit"):
        open_source(path)


def test_what_is_not_there_is_answered_with_the_nearest_name(tmp_path):
    (tmp_path / "flowers").mkdir()
    with pytest.raises(DataError, match=r"does not exist; did you mean .*flowers\?"):
        open_source(tmp_path / "flower")
    with pytest.raises(DataError, match=r"does not exist$"):
        open_source(tmp_path / "none" / "deeper")
    with pytest.raises(DataError):
        open_source("nul\0byte")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is empty"),
        ({".hidden": b""}, "is empty"),
        ({"a.jpg": b"", "b.jpg": b""}, "holds 2 files and no source; looked for class folders, a tar or zip"),
        ({"sub/a.txt": b""}, "no pictures in class folders"),
        ({"broken.tar.gz": b"\x1f\x8bxx"}, "cut or damaged"),
        ({"broken.tar": b""}, "archive is cut"),
        ({"broken.zip": b"PK"}, "cut or damaged"),
    ],
)
def test_a_folder_of_no_known_kind_is_refused_with_what_was_looked_for(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        open_source(write_files(tmp_path, files))


@pytest.mark.parametrize("data", [b"", b"hello", b"\x1f\x8b", b"\x00" * 600, b"7z\xbc\xaf\x27\x1c" * 100])
def test_a_file_of_no_known_kind_is_refused_with_what_was_looked_for(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DataError, match="is of no known kind; looked for"):
        open_source(tmp_path / "x")


def test_a_forced_format_is_used_and_a_misspelled_one_corrected(tmp_path):
    root = write_files(tmp_path, class_files("cat", "dog"))
    assert open_source(root, format="folder").info.kind == "folder"
    with pytest.raises(DataError, match="holds no CIFAR files"):
        open_source(root, format="cifar")
    with pytest.raises(UsageError, match="unknown format 'foldre'; did you mean folder"):
        open_source(root, format="foldre")
    with pytest.raises(UsageError, match="known are folder, csv, ilsvrc2012"):
        open_source(root, format="?")


@pytest.mark.parametrize("format", list(FORMATS))
def test_every_format_refuses_other_data_with_a_data_error(tmp_path, format):
    write_files(tmp_path, {"some.txt": b"text"})
    for path in (tmp_path, tmp_path / "some.txt"):
        with pytest.raises(DataError):
            open_source(path, format=format)


def test_options_reach_the_reader(tmp_path):
    root = write_files(tmp_path, class_files("cat", "dog", count=10))
    assert len(open_source(root, val_fraction=0.5).splits["val"]) == 10
    assert "val" not in open_source(root, val_fraction=0).splits
    with pytest.raises(UsageError):
        open_source(root, val_fraction=2)


def test_a_file_too_large_for_a_picture_is_not_read_into_memory(tmp_path):
    root = write_files(tmp_path, class_files("cat", "dog", count=1))
    with open(root / "cat" / "0.jpg", "wb") as stream:
        stream.truncate(LARGEST_PICTURE + 1)
    with pytest.raises(DataError, match="too many for a picture"):
        open_source(root).splits["train"].read(0)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"./a//b/./c.jpg", b"a/b/c.jpg"),
        (b"a/b/", b"a/b/"),
        (b"a/..b/c", b"a/..b/c"),
        (b"a/../b", None),
        (b"..", None),
        (b"/a", None),
        (b"./", None),
        (b"a\0b", None),
    ],
)
def test_member_names_become_plain_labels_or_nothing(raw, clean):
    assert clean_name(raw) == clean


def test_a_table_of_members_is_compact():
    members = Members()
    for index in range(100_000):
        members.add(b"n01440764/n01440764_%d.JPEG" % index, index * 512, 100)
    assert members.raw(99_999) == b"n01440764/n01440764_99999.JPEG" and members.name(0).endswith("_0.JPEG")
    size = len(members._names) + sum(
        a.itemsize * len(a) for a in (members._ends, members.offsets, members.sizes)
    )
    assert size < 60 * 100_000
    assert members.repeated(range(100_000)) is None


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        ([], b""),
        ([b"a/b/c"], b"a/b/"),
        ([b"a/b/c", b"a/bc/d"], b"a/"),
        ([b"ab", b"ac"], b""),
        ([b"a/b", b"a/b/c"], b"a/"),
    ],
)
def test_the_common_folder_ends_at_a_slash(names, folder):
    assert common_folder(names) == folder
