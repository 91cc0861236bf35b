"""Fetching public datasets: what a good server gives, and how a cut download is resumed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_site import CONTENT, OTHER, Downloader, Site, running_site

from alexnet.core.errors import DataError
from alexnet.data.download import DownloadProgress, Patience, download
from alexnet.data.known import KNOWN, KnownDataset, RemoteFile


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def get(monkeypatch, tmp_path) -> Downloader:
    return Downloader(monkeypatch, tmp_path)


# --- what a good server gives


def test_a_file_arrives_whole_under_its_own_name(site, get):
    path = get(site.file())
    assert path == get.folder / "a.bin"
    assert path.read_bytes() == CONTENT
    assert get.names() == {"a.bin"}


def test_a_dataset_of_several_files_is_returned_as_its_folder(site, get):
    site.files["/b.bin"] = OTHER
    assert get(site.file(), site.file("/b.bin")) == get.folder
    assert (get.folder / "b.bin").read_bytes() == OTHER


def test_the_cache_is_the_default_place(site, monkeypatch, tmp_path):
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path))
    monkeypatch.setitem(KNOWN, "toys", KnownDataset("toys", "test files", (site.file(),)))
    assert download("toys") == tmp_path / "downloads" / "toys" / "a.bin"


def test_a_file_that_is_there_costs_no_request(site, get):
    get(site.file())
    inode = (get.folder / "a.bin").stat().st_ino
    get(site.file())
    assert len(site.requests) == 1
    assert (get.folder / "a.bin").stat().st_ino == inode


def test_only_the_missing_file_of_a_dataset_is_fetched(site, get):
    site.files["/b.bin"] = OTHER
    get(site.file())
    get(site.file(), site.file("/b.bin"))
    assert [request.path for request in site.requests] == ["/a.bin", "/b.bin"]


@pytest.mark.parametrize("content", [OTHER, CONTENT[:-1]])
def test_a_strange_file_under_the_final_name_is_refused_and_kept(site, get, content):
    (get.folder).mkdir()
    (get.folder / "a.bin").write_bytes(content)
    with pytest.raises(DataError, match="is not the known file of this name"):
        get(site.file())
    assert (get.folder / "a.bin").read_bytes() == content
    assert not site.requests


def test_progress_rises_to_the_whole_size(site, get):
    seen: list[DownloadProgress] = []
    get(site.file(), progress=seen.append)
    done = [step.done for step in seen]
    assert done[0] == 0 and done[-1] == len(CONTENT) and done == sorted(set(done))
    assert {(step.file, step.total) for step in seen} == {("a.bin", len(CONTENT))}


def test_a_redirect_to_another_http_address_is_followed(site, get):
    site.statuses.append((302, {"Location": site.url("/b.bin")}))
    site.files["/b.bin"] = CONTENT
    assert get(site.file()).read_bytes() == CONTENT


def test_a_proxy_from_the_environment_is_used(site, get, monkeypatch):
    monkeypatch.setenv("http_proxy", site.url(""))
    address = "http://data.invalid/a.bin"
    site.files[address] = CONTENT
    assert get(RemoteFile((address,), len(CONTENT), site.file().sha256)).read_bytes() == CONTENT
    assert site.requests[0].path == address


# --- resuming


def test_a_cut_connection_is_resumed_where_it_broke(site, get):
    site.cuts.extend([100_000, 150_000])
    assert get(site.file()).read_bytes() == CONTENT
    assert site.ranges() == [None, "bytes=100000-", "bytes=250000-"]
    assert site.requests[1].headers["If-Range"] == '"first"'
    assert site.sent == len(CONTENT)
    assert get.waits == [1.0, 2.0]


def test_a_later_run_continues_what_an_earlier_one_left(site, get):
    site.cuts.append(120_000)
    with pytest.raises(DataError, match=r"broke after 120\.0 kB of 300\.0 kB.*run the same command again"):
        get(site.file(), attempts=1)
    assert get.names() == {"a.bin.part", "a.bin.part.json"}
    seen: list[DownloadProgress] = []
    assert get(site.file(), progress=seen.append).read_bytes() == CONTENT
    assert site.ranges() == [None, "bytes=120000-"]
    assert seen[0].done == 120_000
    assert get.names() == {"a.bin"}


def test_a_date_serves_where_the_server_gives_no_strong_etag(site, get):
    site.headers = {"ETag": 'W/"weak"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    site.cuts.append(100_000)
    assert get(site.file()).read_bytes() == CONTENT
    assert site.requests[1].headers["If-Range"] == "Mon, 01 Jan 2024 00:00:00 GMT"
    assert site.sent == len(CONTENT)


def test_nothing_is_resumed_where_the_server_cannot_say_whether_its_file_changed(site, get):
    site.headers = {}
    site.cuts.append(100_000)
    assert get(site.file()).read_bytes() == CONTENT
    assert site.ranges() == [None, None]


def test_a_server_without_ranges_sends_everything_again(site, get):
    site.knows_ranges = False
    site.cuts.append(100_000)
    assert get(site.file()).read_bytes() == CONTENT
    assert site.ranges() == [None, "bytes=100000-"]
    assert site.sent == len(CONTENT) + 100_000


def test_a_file_that_changed_on_the_server_is_fetched_from_its_start(site, get):
    wanted = site.file()
    site.files["/a.bin"] = OTHER
    site.cuts.append(100_000)
    with pytest.raises(DataError):
        get(wanted, attempts=1)
    site.files["/a.bin"], site.headers = CONTENT, {"ETag": '"second"'}
    assert get(wanted).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "span", ["bytes 99999-299999/300000", "bytes 100000-299999/300001", "bytes */300000", "x", ""]
)
def test_an_answer_with_another_part_is_not_appended(site, get, span):
    site.cuts.append(100_000)
    with pytest.raises(DataError):
        get(site.file(), attempts=1)
    site.statuses.append((206, {"Content-Range": span}))
    assert get(site.file()).read_bytes() == CONTENT
    assert site.ranges() == [None, "bytes=100000-", None]


def test_an_unsatisfiable_range_starts_over(site, get):
    site.cuts.append(100_000)
    with pytest.raises(DataError):
        get(site.file(), attempts=1)
    site.statuses.append((416, {"Content-Range": "bytes */300000"}))
    assert get(site.file()).read_bytes() == CONTENT
    assert site.ranges()[-1] is None


@pytest.mark.parametrize("note", ["", "[]", '{"url": 1}', "\x00", "null"])
def test_a_damaged_note_means_starting_over(site, get, note):
    site.cuts.append(100_000)
    with pytest.raises(DataError):
        get(site.file(), attempts=1)
    (get.folder / "a.bin.part.json").write_text(note)
    assert get(site.file()).read_bytes() == CONTENT
    assert site.ranges() == [None, None]


def test_a_complete_unfinished_file_is_only_verified(site, get):
    (get.folder).mkdir()
    (get.folder / "a.bin.part").write_bytes(CONTENT)
    note = {"url": site.url(), "validator": '"first"'}
    (get.folder / "a.bin.part.json").write_text(json.dumps(note))
    assert get(site.file()).read_bytes() == CONTENT
    assert not site.requests


def test_an_interrupt_leaves_what_was_received(site, get):
    def interrupt(step: DownloadProgress) -> None:
        if step.done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(site.file(), progress=interrupt)
    held = (get.folder / "a.bin.part").stat().st_size
    assert held > 100_000
    assert get(site.file()).read_bytes() == CONTENT
    assert site.ranges() == [None, f"bytes={held}-"]


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, len(CONTENT)), max_size=5),
    knows_ranges=st.booleans(),
    headers=st.sampled_from(
        [{}, {"ETag": '"e"'}, {"ETag": 'W/"e"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}]
    ),
)
def test_any_sequence_of_cuts_ends_with_the_right_bytes(cuts, knows_ranges, headers):
    folder = Path(tempfile.mkdtemp())
    with running_site() as site, pytest.MonkeyPatch.context() as patch:
        site.cuts, site.knows_ranges, site.headers = deque(cuts), knows_ranges, headers
        patch.setitem(KNOWN, "toys", KnownDataset("toys", "test files", (site.file(),)))
        patience = Patience(attempts=len(cuts) + 1, wait=lambda _: None)
        assert download("toys", folder, patience=patience).read_bytes() == CONTENT
    shutil.rmtree(folder)
