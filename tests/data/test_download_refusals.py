"""Fetching public datasets: what is refused, and what the network, the disk or another process can do."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from loopback_site import CONTENT, OTHER, Downloader, Site, running_site

from alexnet.core.errors import DataError, StorageError
from alexnet.core.lock import FolderLock
from alexnet.data import transfer
from alexnet.data.known import RemoteFile


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def get(monkeypatch, tmp_path) -> Downloader:
    return Downloader(monkeypatch, tmp_path)


# --- what is refused


def test_a_wrong_checksum_names_both_digests_and_removes_the_file(site, get):
    wanted = site.file()
    site.files["/a.bin"] = OTHER
    with pytest.raises(DataError) as raised:
        get(wanted)
    assert wanted.sha256 in str(raised.value)
    assert hashlib.sha256(OTHER).hexdigest() in str(raised.value)
    assert get.names() == set()
    assert len(site.requests) == 1


def test_a_file_of_another_length_is_refused_before_its_first_byte(site, get):
    wanted = site.file()
    site.files["/a.bin"] = CONTENT + b"x"
    with pytest.raises(DataError, match="has 300001 bytes under this name, not the known 300000"):
        get(wanted)
    assert get.names() == set() and get.waits == []


def test_an_endless_answer_is_stopped_at_the_known_size(site, get):
    wanted = site.file()
    site.knows_length = False
    site.files["/a.bin"] = CONTENT * 200
    with pytest.raises(DataError, match="more than the known 300000 bytes"):
        get(wanted)
    assert site.sent < 100 * len(CONTENT)
    assert get.names() == set()


def test_a_missing_file_is_not_asked_for_twice(site, get):
    wanted = site.file()
    del site.files["/a.bin"]
    with pytest.raises(DataError, match=r"/a\.bin: the server answers 404 Not Found; .*save it as .*a\.bin"):
        get(wanted)
    assert len(site.requests) == 1 and get.waits == []


def test_a_busy_server_is_asked_again_a_bounded_number_of_times(site, get):
    site.statuses.extend([(503, {})] * 10)
    with pytest.raises(DataError, match="503 Service Unavailable"):
        get(site.file(), attempts=4)
    assert len(site.requests) == 4 and get.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("place", ["file:///etc/hostname", "ftp://127.0.0.1/a.bin", "data:,x"])
@pytest.mark.parametrize("proxied", [False, True])
def test_a_redirect_to_anything_but_http_is_refused(site, get, monkeypatch, place, proxied):
    if proxied:
        monkeypatch.setenv("ftp_proxy", site.url(""))
        site.files[place] = CONTENT
    site.statuses.append((302, {"Location": place}))
    with pytest.raises(DataError) as raised:
        get(site.file())
    assert "\n" not in str(raised.value)
    assert get.names() == set() and len(site.requests) == 1


def test_a_file_address_is_never_opened(get, tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    address = (tmp_path / "a.bin").as_uri()
    with pytest.raises(DataError, match="unknown url type: file"):
        get(RemoteFile((address,), len(CONTENT), hashlib.sha256(CONTENT).hexdigest()))


def test_the_next_address_serves_when_the_first_refuses(site, get):
    site.files["/copy/a.bin"] = CONTENT
    wanted = site.file("/a.bin", site.url("/copy/a.bin"))
    del site.files["/a.bin"]
    assert get(wanted).read_bytes() == CONTENT


def test_the_address_that_was_begun_is_continued_first(site, get):
    site.files["/copy/a.bin"] = CONTENT
    wanted = site.file("/a.bin", site.url("/copy/a.bin"))
    site.statuses.append((404, {}))
    site.cuts.append(100_000)
    with pytest.raises(DataError):
        get(wanted, attempts=1)
    assert get(wanted).read_bytes() == CONTENT
    assert [request.path for request in site.requests] == ["/a.bin", "/copy/a.bin", "/copy/a.bin"]
    assert site.ranges()[-1] == "bytes=100000-"


@pytest.mark.timeout(20)
def test_a_silent_server_counts_as_cut(site, get):
    site.statuses.append((200, {"Content-Length": "300000", "X-Stall": "yes"}))
    with pytest.raises(DataError, match="broke after 0 bytes of"):
        get(site.file(), attempts=1, timeout=0.1)


def test_an_unreachable_server_is_one_clear_line(get):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/a.bin"
        with pytest.raises(DataError, match="cannot be reached") as raised:
            get(RemoteFile((address,), 1, "0" * 64))
    assert "\n" not in str(raised.value) and get.waits == [1.0, 2.0]


def test_a_name_that_nobody_knows_is_not_looked_up_again(get, monkeypatch):
    def no_network(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises(DataError, match="Name or service not known"):
        get(RemoteFile(("https://data.invalid/a.bin",), 1, "0" * 64))
    assert get.waits == []


def test_a_server_that_speaks_something_else_is_one_clear_line(get):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x00\x01 gopher\r\n\r\n")

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        with pytest.raises(DataError, match="cannot be reached"):
            get(RemoteFile((f"http://127.0.0.1:{listener.getsockname()[1]}/a",), 1, "0" * 64), attempts=1)
        thread.join()


# --- the disk and the other process


class _FullDisk(io.FileIO):
    """A file that has room for some more bytes."""

    def __init__(self, room: int, path: Path, mode: str):
        super().__init__(path, mode)
        self.room = room

    def write(self, data: bytes) -> int:
        super().write(data[: self.room])
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)


def test_a_full_disk_is_named_and_the_rest_fetched_later(site, get, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(transfer, "open", partial(_FullDisk, 100_001), raising=False)
        with pytest.raises(StorageError, match="the disk is full"):
            get(site.file())
    assert (get.folder / "a.bin.part").stat().st_size == 100_001
    assert get(site.file()).read_bytes() == CONTENT
    assert site.ranges() == [None, "bytes=100001-"]


def test_too_little_space_is_refused_before_the_first_byte(site, get, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(CONTENT) - 1))
    with pytest.raises(StorageError, match=r"needs 300\.0 kB and the disk has 300\.0 kB free"):
        get(site.file())
    assert get.names() <= {"a.bin.part.json"}


def test_a_folder_that_cannot_be_made_is_named(site, get):
    (get.folder).write_text("a file where the folder should be")
    with pytest.raises(StorageError):
        get(site.file())


def test_two_processes_do_not_write_one_file(site, get):
    (get.folder).mkdir()
    with FolderLock(get.folder), pytest.raises(StorageError, match="in use by another process"):
        get(site.file())
    assert not site.requests


def test_nothing_reaches_the_final_name_when_the_commit_fails(site, get, monkeypatch):
    replace = os.replace

    def refuse(temporary: Path, path: Path) -> None:
        if path.name == "a.bin":
            raise OSError(errno.EACCES, "Permission denied")
        replace(temporary, path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(StorageError, match="no permission"):
            get(site.file())
    assert "a.bin" not in get.names()
    assert get(site.file()).read_bytes() == CONTENT
