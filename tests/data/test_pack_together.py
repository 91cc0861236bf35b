"""Pictures read in one call of compiled code: those that are read one by one, and the same errors."""

import os
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_packs import TRAIN, make_pack

from alexnet.core.errors import DataError
from alexnet.data.pack import descriptors, records
from alexnet.data.pack.places import Places, can_read
from alexnet.data.pack.read import Pack

pytestmark = pytest.mark.skipif(
    not can_read(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)
BOTH = pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
SHARD, RECORD = "train-00002.shard", 4096 + 3 * 192


@pytest.fixture
def folder(tmp_path):
    """A raw pack of five shards."""
    return make_pack(tmp_path / "raw")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A raw pack that stays as it is."""
    return make_pack(tmp_path_factory.mktemp("kept") / "raw")


@given(indices=st.lists(st.integers(0, 39), max_size=60), limit=st.sampled_from([1, 3, 64]))
@settings(max_examples=50, deadline=None)
def test_both_ways_give_the_same_bits(kept, indices, limit):
    found = []
    for together in (lambda: True, lambda: False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(records, "can_read", together)
            patch.setattr(descriptors, "granted", lambda count: limit)
            with Pack.open(kept) as pack:
                train = pack.split("train")
                found.append([train.read(indices), train.read(indices), train._is_checked.copy()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(found[0][0], TRAIN[np.array(indices, int)])


def test_a_batch_is_one_call_and_sums_each_record_once(folder, monkeypatch):
    calls, read = [], Places.read

    def watched(self, out, sums, is_checked):
        calls.append(is_checked.sum())
        return read(self, out, sums, is_checked)

    monkeypatch.setattr(Places, "read", watched)
    monkeypatch.setattr(records, "zlib", None)
    with Pack.open(folder) as pack:
        for indices in ([3, 30, 12], [30, 4], range(40)):
            pack.split("train").read(indices)
    assert calls == [0, 1, 4]


def spoil(folder, change):
    data = bytearray((folder / SHARD).read_bytes())
    change(data)
    (folder / SHARD).write_bytes(data)


def error(folder, together, monkeypatch, *, before=lambda split: None):
    """Return what reading says of a spoiled pack."""
    monkeypatch.setattr(records, "can_read", lambda: together)
    with Pack.open(folder) as pack:
        before(pack.split("train"))
        with pytest.raises(DataError) as caught:
            pack.split("train").read(range(39, -1, -1))
        return str(caught.value)


@BOTH
def test_a_damaged_record_is_named(folder, together, monkeypatch):
    def change(data):
        data[RECORD + 7] ^= 1

    spoil(folder, change)
    line = error(folder, together, monkeypatch)
    assert f"{SHARD}: record 3 (" in line and "do not match their checksum" in line


@BOTH
def test_the_others_of_a_batch_with_a_damaged_record_are_known_as_good(folder, together, monkeypatch):
    def change(data):
        data[RECORD] ^= 128

    spoil(folder, change)
    monkeypatch.setattr(records, "can_read", lambda: together)
    with Pack.open(folder) as pack:
        train = pack.split("train")
        with pytest.raises(DataError):
            train.read([18, 19, 20])
        assert train._is_checked[18] and not train._is_checked[19]
        np.testing.assert_array_equal(train.read([18, 20]), TRAIN[[18, 20]])


@BOTH
@pytest.mark.parametrize("checked", [True, False])
def test_a_shard_that_is_cut_while_it_is_open_is_named(folder, together, checked, monkeypatch):
    def cut(split):
        split.read(range(40 if checked else 1))
        os.truncate(folder / SHARD, RECORD + 10)

    line = error(folder, together, monkeypatch, before=cut)
    assert SHARD in line and "is cut: the file has become shorter" in line


def test_a_record_that_can_be_read_at_the_second_attempt_is_good(folder, monkeypatch):
    monkeypatch.setattr(Places, "read", lambda self, out, *_: np.zeros(len(out), bool))
    with Pack.open(folder) as pack:
        np.testing.assert_array_equal(pack.split("train").read([5, 33]), TRAIN[[5, 33]])


def test_jpeg_pictures_are_decoded_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(Places, "read", None)
    with Pack.open(make_pack(tmp_path / "jpeg", "jpeg")) as pack:
        assert pack.split("train").read([5]).shape == (1, 8, 8, 3)


class Limits:
    """What the system says of open files."""

    RLIM_INFINITY, RLIMIT_NOFILE = -1, 7

    def __init__(self, soft, hard, *, obeys=True):
        self.limits, self.obeys = (soft, hard), obeys

    def getrlimit(self, what):
        return self.limits

    def setrlimit(self, what, limits):
        if not self.obeys:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("limits", "count", "granted", "soft"),
    [
        (Limits(1024, 4096), 30, 30, 1024),
        (Limits(1024, 4096), 2000, 2000, 4000),
        (Limits(1024, 4096), 4000, 2048, 4096),
        (Limits(1024, -1), 4000, 4000, 8000),
        (Limits(-1, -1), 4000, 4000, -1),
        (Limits(1024, -1, obeys=False), 4000, 512, 1024),
        (Limits(100, 100), 4000, 64, 100),
    ],
    ids=["few", "raised", "hard", "no hard limit", "no limit", "refused", "hardly any"],
)
def test_as_many_shards_stay_open_as_the_system_grants(monkeypatch, limits, count, granted, soft):
    monkeypatch.setitem(sys.modules, "resource", limits)
    assert descriptors.granted(count) == granted
    assert limits.limits[0] == soft


def test_systems_that_say_nothing_keep_a_few_open(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert descriptors.granted(4000) == descriptors.MAX_OPEN and descriptors.granted(3) == 3
