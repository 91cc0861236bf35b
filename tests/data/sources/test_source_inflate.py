"""Gzipped archives: inflated once, with limits, into a copy that does not outlive its owner."""

import gc
import gzip
import os
import pickle
from collections import namedtuple
from pathlib import Path

import pytest
from source_files import class_files, contents, tar_bytes

from alexnet.core.errors import DataError, StorageError
from alexnet.core.files import remove_leftovers
from alexnet.data.sources import inflate as inflating
from alexnet.data.sources.folder import open_folder
from alexnet.data.sources.inflate import inflate
from alexnet.data.sources.options import SourceOptions

FILES = class_files("cat", "dog")


@pytest.fixture
def archive(tmp_path) -> Path:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(tar_bytes(FILES, mode="w:gz"))
    return path


def test_the_copy_lives_as_long_as_the_source_and_no_longer(tmp_path, archive):
    work = tmp_path / "work"
    work.mkdir()
    source = open_folder(archive, SourceOptions(work_folder=work))
    held = source.splits["train"]
    del source
    gc.collect()
    assert len(list(work.iterdir())) == 1
    assert held.read(0) == FILES[held.name(0)]
    del held
    gc.collect()
    assert list(work.iterdir()) == []


def test_a_pickled_source_reads_the_same_and_leaves_the_copy_alone(tmp_path, archive):
    work = tmp_path / "work"
    work.mkdir()
    source = open_folder(archive, SourceOptions(work_folder=work))
    copy = pickle.loads(pickle.dumps(source))
    assert contents(copy.splits["train"]) == contents(source.splits["train"])
    assert copy.fingerprint() == source.fingerprint()
    del copy
    gc.collect()
    assert len(list(work.iterdir())) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_not_remove_its_parents_copy(archive, tmp_path):
    copy = inflate(archive, tmp_path)
    child = os.fork()
    if child == 0:
        copy.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert copy.path.is_file()
    copy.close()
    assert not copy.path.exists()


def test_a_copy_left_by_a_killed_process_is_one_that_cleaning_finds(archive, tmp_path):
    copy = inflate(archive, tmp_path)
    left = copy.path.with_name(copy.path.name.replace(str(os.getpid()), "999999999"))
    copy.path.rename(left)
    assert remove_leftovers(tmp_path) == [left]


def test_an_archive_cut_anywhere_is_refused_and_leaves_nothing(tmp_path, archive):
    data = archive.read_bytes()
    work = tmp_path / "work"
    work.mkdir()
    for size in range(2, len(data), 7):
        archive.write_bytes(data[:size])
        with pytest.raises(DataError, match="cut or damaged"):
            inflate(archive, work)
    assert list(work.iterdir()) == []


def test_bytes_after_the_end_are_refused(tmp_path, archive):
    archive.write_bytes(archive.read_bytes() + b"more")
    with pytest.raises(DataError, match="cut or damaged"):
        inflate(archive, tmp_path)


def test_a_bomb_is_stopped_early(tmp_path):
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20)))
    with pytest.raises(DataError, match="200-fold"):
        inflate(path, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["bomb.tar.gz"]


def test_a_full_disk_is_said_before_it_is_full(tmp_path, archive, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(inflating.reserve.__globals__["shutil"], "disk_usage", lambda _: usage(1, 1, 1000))
    with pytest.raises(StorageError, match=r"1\.0 kB free"):
        inflate(archive, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar.gz"]


def test_a_work_folder_that_is_not_there_is_said(tmp_path, archive):
    with pytest.raises(StorageError, match="does not exist"):
        inflate(archive, tmp_path / "none")
