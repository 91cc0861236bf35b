"""Records read and summed in C: the bytes of the file and the sums of zlib, for any length and place."""

import os
import tempfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.data.pack.places import Places, can_read

pytestmark = pytest.mark.skipif(
    not can_read(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)


def random_bytes(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, count, np.uint8).tobytes()


def read(data, offsets, length, *, sums=None, is_checked=None):
    """Read records of a file that holds `data`; return them and which are whole."""
    count = len(offsets)
    sums = [zlib.crc32(data[o : o + length]) for o in offsets] if sums is None else sums
    checked = np.zeros(count, bool) if is_checked is None else np.array(is_checked)
    out = np.empty((count, length), np.uint8)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        places = Places(np.full(count, file.fileno(), np.int32), np.array(offsets, np.int64))
        return out, places.read(out, np.array(sums, np.uint32), checked)


@given(length=st.integers(1, 700), data=st.data())
@settings(max_examples=200, deadline=None)
def test_any_records_are_read_and_fit_zlibs_sums(length, data):
    bytes_ = random_bytes(2000, length)
    offsets = data.draw(st.lists(st.integers(0, 2000 - length), max_size=9))
    out, is_read = read(bytes_, offsets, length)
    assert is_read.all() and is_read.dtype == bool and len(is_read) == len(offsets)
    assert [record.tobytes() for record in out] == [bytes_[o : o + length] for o in offsets]


@pytest.mark.parametrize("length", [1, 8, 15, 63, 64, 65, 191, 192, 3072, 196_608])
@pytest.mark.parametrize("place", [0, 0.3, 0.999])
def test_a_bit_that_differs_is_found_wherever_it_is(length, place):
    data = bytearray(random_bytes(length))
    expected = zlib.crc32(data)
    data[int(length * place)] ^= 16
    _, is_read = read(bytes(data), [0, 0], length, sums=[expected, zlib.crc32(data)])
    assert is_read.tolist() == [False, True]


def test_records_that_were_checked_are_not_summed_again():
    data = random_bytes(400)
    out, is_read = read(data, [0, 100, 200], 100, sums=[1, 2, 3], is_checked=[True, False, True])
    assert is_read.tolist() == [True, False, True]
    assert out[0].tobytes() + out[2].tobytes() == data[:100] + data[200:300]


def test_a_record_that_the_files_end_cuts_is_not_whole():
    data = random_bytes(299)
    _, is_read = read(data, [0, 100, 200, 299], 100, is_checked=[True] * 4)
    assert is_read.tolist() == [True, True, False, False]


def test_a_file_that_is_closed_gives_nothing():
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    places = Places(np.array([descriptor, -1], np.int32), np.zeros(2, np.int64))
    assert not places.read(np.empty((2, 8), np.uint8), np.zeros(2, np.uint32), np.ones(2, bool)).any()


def test_of_no_records_none_are_read():
    places = Places(np.zeros(0, np.int32), np.zeros(0, np.int64))
    assert len(places.read(np.empty((0, 4, 4, 3), np.uint8), np.zeros(0, np.uint32), np.zeros(0, bool))) == 0
