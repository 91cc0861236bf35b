"""Zip archives: read by position, checked, and refused when hostile."""

import zipfile
from stat import S_IFLNK

import pytest
from source_files import class_files

from alexnet.core.errors import DataError
from alexnet.data.sources.folder import open_folder
from alexnet.data.sources.zip import ZipTree


def write_zip(path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_read_as_they_were_written(tmp_path, method):
    files = {"a.jpg": b"", "한글/b.jpg": bytes(range(256)) * 9, "c/d/e.jpg": b"x" * 5000}
    tree = ZipTree(write_zip(tmp_path / "a.zip", files, method))
    assert {tree.members.name(i): tree.read(i) for i in range(3)} == files


def test_class_folders_in_a_zip_are_a_source(tmp_path):
    source = open_folder(
        write_zip(tmp_path / "a.zip", {"top/": b"", **class_files("cat", "dog", folder="top/")})
    )
    assert source.info.classes == ("cat", "dog")
    assert source.splits["train"].read(0).startswith(b"top/cat")


def test_backslashes_divide_names_as_windows_writes_them(tmp_path):
    tree = ZipTree(write_zip(tmp_path / "a.zip", {"cat\\1.jpg": b"1"}))
    assert tree.members.name(0) == "cat/1.jpg"


def test_a_member_that_grows_too_much_is_refused(tmp_path):
    with pytest.raises(DataError, match="grows more than 200-fold"):
        ZipTree(write_zip(tmp_path / "a.zip", {"a.jpg": bytes(4 << 20)}))


def test_links_and_names_that_lead_outside_are_counted_and_not_listed(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"../x.jpg": b"", "/y.jpg": b"", "good.jpg": b"1"})
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    tree = ZipTree(path)
    assert [tree.members.name(i) for i in range(len(tree.members))] == ["good.jpg"]
    assert tree.ignored == {"names that lead outside": 2, "links": 1}


def test_an_unknown_compression_is_refused_with_a_remedy(tmp_path):
    with pytest.raises(DataError, match="pack it again"):
        ZipTree(write_zip(tmp_path / "a.zip", {"a.jpg": b"1"}, zipfile.ZIP_LZMA))


def test_an_encrypted_member_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a.jpg": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="encrypted"):
        ZipTree(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_changed_byte_of_a_member_is_found_when_it_is_read(tmp_path, method):
    path = write_zip(tmp_path / "a.zip", {"a.jpg": bytes(range(256))}, method)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"holds a\.jpg, which is damaged"):
        ZipTree(path).read(0)


def test_a_cut_archive_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.zip", class_files("cat", "dog"))
    data = path.read_bytes()
    for size in (0, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(DataError, match="cut or damaged"):
            ZipTree(path)
