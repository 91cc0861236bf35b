"""The bytes of a shard: stable, describable, and never believed."""

import hashlib
import io
import os
import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_source import random_pictures

from alexnet.core.errors import DataError
from alexnet.data.pack.format import ENTRY, FOOTER, HEADER, ShardHeader, footer_bytes
from alexnet.data.pack.shard import ShardWriter, read_shard_index

PICTURES = random_pictures(5, (4, 4, 3))
NAMES = ["a.png", "고양이.jpg", "bad\udcff.jpg", "", "line\nbreak.jpg"]
HEAD = ShardHeader(encoding="raw", shape=(4, 4, 3), split="train", number=2, first=20, items=10, plan="5a" * 32)


def written_shard():
    stream = io.BytesIO()
    writer = ShardWriter(stream, HEAD)
    for number, (picture, name) in enumerate(zip(PICTURES, NAMES, strict=True)):
        writer.add(picture.tobytes(), item=20 + 2 * number, label=number, name=name, digest=number << 60)
    file = writer.finish()
    assert (file.file, file.count, file.bytes) == ("train-00002.shard", 5, len(stream.getvalue()))
    assert file.sha256 == hashlib.sha256(stream.getvalue()).hexdigest()
    return stream.getvalue()


SHARD = written_shard()


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "train-00002.shard"
    path.write_bytes(SHARD)
    return path


def resealed(entries=None, names=None, count=None, offset=None):
    """Return SHARD with another index whose checksums are right."""
    footer = np.frombuffer(SHARD[-FOOTER.itemsize :], FOOTER)[0]
    start = int(footer["index_offset"])
    entries = np.frombuffer(SHARD, ENTRY, 5, start) if entries is None else entries
    names = SHARD[start + 5 * ENTRY.itemsize : -FOOTER.itemsize] if names is None else names
    tail = bytearray(
        footer_bytes(entries, names, start if offset is None else offset, SHARD[: HEADER.itemsize])
    )
    if count is not None:
        struct.pack_into("<I", tail, 16, count)
        struct.pack_into("<I", tail, 36, zlib.crc32(tail[:36]))
    return SHARD[:start] + entries.tobytes() + names + bytes(tail)


def test_the_bytes_of_a_shard_never_change():
    assert hashlib.sha256(SHARD).hexdigest()[:16] == "4bd1c4c363210267"
    assert (HEADER.itemsize, ENTRY.itemsize, FOOTER.itemsize) == (4096, 40, 40)


def test_what_is_written_is_read_back(shard):
    index = read_shard_index(shard, len(SHARD))
    assert index.header == HEAD
    assert index.entries["item"].tolist() == [20, 22, 24, 26, 28]
    assert index.entries["label"].tolist() == [0, 1, 2, 3, 4]
    assert index.entries["digest"].tolist() == [n << 60 for n in range(5)]
    assert index.names == b"a.png" + "고양이.jpg".encode() + b"bad\xff.jpg" + b"line\nbreak.jpg"


def test_raw_records_are_one_array_from_a_page_boundary(shard):
    np.testing.assert_array_equal(np.memmap(shard, np.uint8, "r", 4096, (5, 4, 4, 3)), PICTURES)


def test_the_documented_layout_suffices_to_read_a_shard():
    """Another reader, from docs/pack-format.md alone."""
    magic, version, encoding, channels, height, width, features, number, split, first, items, plan = (
        struct.unpack_from("<8sHBBIIII16sQI32s", SHARD)
    )
    assert (magic, version, encoding, channels, height, width) == (b"\x89AXP\r\n\x1a\n", 1, 0, 3, 4, 4)
    assert (features, number, split.rstrip(b"\0"), first, items, plan) == (0, 2, b"train", 20, 10, b"\x5a" * 32)
    assert struct.unpack_from("<I", SHARD, 4092)[0] == zlib.crc32(SHARD[:4092])
    index, names_size, count, index_crc, header_crc, end, crc = struct.unpack("<QQIII8sI", SHARD[-40:])
    assert (count, header_crc, end) == (5, zlib.crc32(SHARD[:4092]), b"\x89AXE\r\n\x1a\n")
    assert crc == zlib.crc32(SHARD[-40:-4])
    assert index_crc == zlib.crc32(SHARD[index:-40])
    assert index + 40 * count + names_size + 40 == len(SHARD)
    name_at = index + 40 * count
    for row in range(count):
        offset, _, item, length, label, record_crc, name_length = struct.unpack_from(
            "<QQQIIII", SHARD, index + 40 * row
        )
        record = SHARD[offset : offset + length]
        assert (record, zlib.crc32(record)) == (PICTURES[row].tobytes(), record_crc)
        assert (item, label) == (20 + 2 * row, row)
        assert SHARD[name_at : name_at + name_length].decode("utf-8", "surrogateescape") == NAMES[row]
        name_at += name_length


def test_every_bit_flip_of_header_index_names_and_footer_is_detected_on_open(shard):
    records = range(HEADER.itemsize, HEADER.itemsize + PICTURES.nbytes)
    undetected = []
    descriptor = os.open(shard, os.O_RDWR)
    for position in (p for p in range(len(SHARD)) if p not in records):
        for bit in range(8):
            os.lseek(descriptor, position, os.SEEK_SET)
            os.write(descriptor, bytes([SHARD[position] ^ 1 << bit]))
            try:
                read_shard_index(shard)
                undetected.append((position, bit))
            except DataError as error:
                assert error.where == str(shard)
        os.lseek(descriptor, position, os.SEEK_SET)
        os.write(descriptor, SHARD[position : position + 1])
    os.close(descriptor)
    assert undetected == []
    read_shard_index(shard)


def test_every_cut_is_detected_on_open(shard):
    for size in {*range(0, len(SHARD), 64), *range(len(SHARD) - 50, len(SHARD))}:
        shard.write_bytes(SHARD[:size])
        with pytest.raises(DataError, match="is damaged"):
            read_shard_index(shard)


def test_bytes_after_the_end_are_detected(shard):
    for tail in (b"\0", SHARD, SHARD[-40:]):
        shard.write_bytes(SHARD + tail)
        with pytest.raises(DataError, match="is damaged"):
            read_shard_index(shard)


@pytest.mark.parametrize("field", ["offset", "item", "length", "name_length"])
@pytest.mark.parametrize("row", [0, 2, 4])
@pytest.mark.parametrize("change", [-1, 1, 2**31])
def test_an_index_that_lies_is_refused_though_its_checksums_are_right(shard, field, row, change):
    shard.write_bytes(resealed())
    read_shard_index(shard)
    entries = np.frombuffer(resealed(), ENTRY, 5, HEADER.itemsize + PICTURES.nbytes).copy()
    entries[field][row] = (int(entries[field][row]) + (21 * change if field == "item" else change)) % 2**32
    shard.write_bytes(resealed(entries))
    with pytest.raises(DataError, match="is damaged"):
        read_shard_index(shard)


def test_overlapping_records_are_refused(shard):
    entries = np.frombuffer(resealed(), ENTRY, 5, HEADER.itemsize + PICTURES.nbytes).copy()
    entries["offset"][1] = entries["offset"][0]
    shard.write_bytes(resealed(entries))
    with pytest.raises(DataError, match="overlap or leave a hole"):
        read_shard_index(shard)


def test_bytes_between_the_records_and_the_index_are_refused(shard):
    start = HEADER.itemsize + PICTURES.nbytes
    shard.write_bytes(SHARD[:start] + bytes(8) + resealed(offset=start + 8)[start:])
    with pytest.raises(DataError, match="overlap or leave a hole"):
        read_shard_index(shard)


def test_a_header_of_another_shard_is_refused(shard):
    shard.write_bytes(replace(HEAD, number=3).to_bytes() + SHARD[HEADER.itemsize :])
    with pytest.raises(DataError, match="header and footer belong to different files"):
        read_shard_index(shard)


def test_an_empty_record_is_refused(shard):
    with open(shard, "wb") as stream:
        writer = ShardWriter(stream, replace(HEAD, encoding="jpeg"))
        writer.add(b"", item=20, label=0, name="", digest=0)
        writer.finish()
    with pytest.raises(DataError, match="a record has a wrong length"):
        read_shard_index(shard)


@pytest.mark.parametrize(
    "lie", [{"count": 2**32 - 1}, {"count": 0}, {"offset": 2**63}, {"offset": 0}, {"names": b""}]
)
def test_nothing_is_allocated_for_a_count_that_lies(shard, lie):
    shard.write_bytes(resealed(**lie))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="is damaged"):
            read_shard_index(shard)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def sealed_header(**fields):
    header = np.frombuffer(SHARD[: HEADER.itemsize], HEADER).copy()
    for name, value in fields.items():
        header[name] = value
    body = header.tobytes()[:-4]
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize("fields", [{"version": 2}, {"features": 1}])
def test_a_newer_format_is_said_to_be_newer(fields):
    with pytest.raises(DataError, match="reads format 1; read it with a newer release"):
        ShardHeader.from_bytes(sealed_header(**fields), "x")


@pytest.mark.parametrize(
    "fields",
    [
        {"encoding": 2},
        {"height": 0},
        {"width": 2**31},
        {"channels": 2},
        {"split": b"../x"},
        {"split": b"\xff"},
        {"split": b""},
    ],
)
def test_a_header_that_no_packer_writes_is_refused(fields):
    assert ShardHeader.from_bytes(sealed_header(), "x") == HEAD
    with pytest.raises(DataError, match="no packer writes"):
        ShardHeader.from_bytes(sealed_header(**fields), "x")


@given(st.binary(max_size=200), st.integers(0, len(SHARD)), st.integers(0, len(SHARD)))
def test_no_bytes_do_worse_than_a_data_error(tmp_path_factory, data, start, end):
    path = tmp_path_factory.getbasetemp() / "any.shard"
    path.write_bytes(SHARD[:start] + data + SHARD[end:])
    try:
        read_shard_index(path)
    except DataError:
        return
    assert path.read_bytes()[:4096] == SHARD[:4096]


def test_a_missing_shard_is_said_to_be_missing(tmp_path):
    with pytest.raises(DataError, match=r"train-00000\.shard: is missing from the pack"):
        read_shard_index(tmp_path / "train-00000.shard")
    with pytest.raises(DataError, match="cannot be read"):
        read_shard_index(tmp_path)
