"""What stands in a folder besides plain files, and files that change after they were listed."""

import os
import pickle
import socket

import pytest
from source_files import class_files, picture_names, tar_bytes, write_files

from alexnet.core.errors import DataError
from alexnet.data.sources.detect import FORMATS, open_source
from alexnet.data.sources.folder import open_folder
from alexnet.data.sources.options import SourceOptions

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX file kinds and names")


@posix_only
def test_links_are_followed_inside_cut_when_they_loop_and_passed_over_outside(tmp_path):
    root = write_files(tmp_path / "root", class_files("cat", "dog", count=1))
    outside = write_files(tmp_path / "outside", {"x/1.jpg": b"1"})
    (root / "dog" / "same.jpg").symlink_to(root / "cat" / "0.jpg")
    (root / "wolf").symlink_to(root / "dog")
    (root / "cat" / "up").symlink_to(root)
    (root / "cat" / "self").symlink_to(root / "cat" / "self")
    (root / "fox").symlink_to(outside / "x")
    (root / "cat" / "out.jpg").symlink_to(outside / "x" / "1.jpg")
    source = open_folder(root, SourceOptions(val_fraction=0))
    assert picture_names(source.splits["train"]) == [
        "cat/0.jpg",
        "dog/0.jpg",
        "dog/same.jpg",
        "wolf/0.jpg",
        "wolf/same.jpg",
    ]
    assert source.splits["train"].read(2) == b"cat0"
    assert source.ignored == {
        "links that lead outside": 2,
        "links that loop or are inside linked folders": 1,
        "broken links": 1,
    }


@posix_only
def test_linked_folders_that_hold_each_other_do_not_multiply(tmp_path):
    kinds = [f"c{i}" for i in range(12)]
    root = write_files(tmp_path, class_files(*kinds, count=1))
    for one in kinds:
        for other in kinds:
            (root / one / other).symlink_to(root / other)
    assert len(open_folder(root, SourceOptions(val_fraction=0)).splits["train"]) == 12 * 12


@posix_only
@pytest.mark.timeout(5)
def test_pipes_and_sockets_are_never_opened(tmp_path):
    root = write_files(tmp_path, class_files("cat", "dog"))
    os.mkfifo(root / "cat" / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(root / "dog" / "socket.jpg"))
        source = open_folder(root)
    assert source.ignored == {"pipes, sockets and devices": 2}
    picture = root / source.splits["train"].name(0)
    picture.unlink()
    os.mkfifo(picture)
    with pytest.raises(DataError, match="not a regular file"):
        source.splits["train"].read(0)


@posix_only
@pytest.mark.timeout(5)
@pytest.mark.parametrize("format", [None, *FORMATS])
def test_a_pipe_given_as_the_source_is_refused(tmp_path, format):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError):
        open_source(tmp_path / "pipe", format=format)


def test_a_folder_named_like_a_picture_is_a_folder(tmp_path):
    files = class_files("cat", "dog") | {"cat/deep.jpg/0.jpg": b"1"}
    source = open_folder(write_files(tmp_path, files), SourceOptions(val_fraction=0))
    assert "cat/deep.jpg/0.jpg" in picture_names(source.splits["train"])


def test_a_picture_changed_or_removed_after_listing_is_refused(tmp_path):
    root = write_files(tmp_path, class_files("cat", "dog"))
    train = open_folder(root).splits["train"]
    (root / train.name(0)).write_bytes(b"something longer")
    (root / train.name(1)).unlink()
    with pytest.raises(DataError, match="it had 4 bytes and has 16"):
        train.read(0)
    with pytest.raises(DataError, match="cannot be opened"):
        train.read(1)


def test_an_archive_changed_after_listing_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(tar_bytes(class_files("cat", "dog")))
    source = open_folder(path)
    copy = pickle.loads(pickle.dumps(source))
    os.truncate(path, 1024)
    with pytest.raises(DataError, match="ends early"):
        source.splits["train"].read(1)
    with pytest.raises(DataError, match="has changed since it was listed"):
        copy.splits["train"].read(1)
