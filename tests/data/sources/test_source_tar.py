"""The strict tar reader against the standard library's writer, and against hostile archives."""

import io
import tarfile
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import class_files, tar_bytes, tar_header

from alexnet.core.errors import DataError
from alexnet.data.sources.archive import open_tree
from alexnet.data.sources.folder import open_folder
from alexnet.data.sources.span import SpanFile
from alexnet.data.sources.tar import open_tar

END = bytes(1024)
NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0/\\"), min_size=1, max_size=90)


def listed(path) -> dict[str, bytes]:
    tree = open_tar(SpanFile(path), path)
    return {tree.members.name(i): tree.read(i) for i in range(len(tree.members))}


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_read_as_they_were_written_in_every_format(tmp_path, format):
    long = "folder/" * 12 + "name.jpg"
    files = {"a.jpg": b"", "b/c.jpg": b"x" * 512, "b/d.jpg": b"y" * 513, long: b"z", "한글/강아지.jpg": b"k"}
    if format != tarfile.USTAR_FORMAT:
        files["n" * 300] = b"long"
    path = tmp_path / "a.tar"
    path.write_bytes(tar_bytes(files, format=format))
    assert listed(path) == files


def test_names_that_are_not_text_survive(tmp_path):
    name = b"\xff\xfe\xb0\xa1.jpg".decode("utf-8", "surrogateescape")
    path = tmp_path / "a.tar"
    path.write_bytes(tar_bytes({name: b"1"}, format=tarfile.GNU_FORMAT))
    assert listed(path) == {name: b"1"}


@settings(max_examples=60, deadline=None)
@given(
    files=st.dictionaries(NAMES, st.binary(max_size=1500), max_size=4),
    format=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_any_valid_archive_reads_as_tarfile_reads_it(tmp_path_factory, files, format):
    files = {name: data for name, data in files.items() if name.strip(".")}
    path = tmp_path_factory.getbasetemp() / "any.tar"
    path.write_bytes(tar_bytes(files, format=format))
    assert listed(path) == files


def test_a_cut_at_every_block_is_refused_until_the_end_blocks_are_there(tmp_path):
    data = tar_bytes({"a.jpg": b"1" * 700, "n" * 200: b"2", "c.jpg": b"3"})
    complete = len(data.rstrip(b"\0")) // 512 * 512 + 512 + 1024
    path = tmp_path / "a.tar"
    for size in range(0, len(data), 512):
        path.write_bytes(data[:size])
        if size < complete:
            with pytest.raises(DataError, match="archive is cut"):
                listed(path)
        else:
            assert len(listed(path)) == 3


def test_a_changed_header_byte_is_refused(tmp_path):
    data = tar_bytes({"a.jpg": b"1"}, format=tarfile.USTAR_FORMAT)
    path = tmp_path / "a.tar"
    for position in [0, 50, 120, 130, 150, 156, 300, 511]:
        changed = bytearray(data)
        changed[position] ^= 0x21
        path.write_bytes(changed)
        with pytest.raises(DataError, match="damaged"):
            listed(path)


def test_a_lone_empty_block_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(512) + tar_header(b"a.jpg") + END)
    with pytest.raises(DataError, match="an empty block at byte 0"):
        listed(path)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (b"77777777777", "is cut: a member claims 8589934591 bytes"),
        (b"\x80" + (1 << 60).to_bytes(10, "big"), "is cut: a member claims"),
        (b"\xff" * 11, "not a number"),
        (b"-0000000001", "not a number"),
        (b"0x000000010", "not a number"),
    ],
)
def test_a_size_that_lies_is_refused_before_reading(tmp_path, size, message):
    path = tmp_path / "a.tar"
    path.write_bytes(tar_header(b"a.jpg", size) + bytes(2048))
    with pytest.raises(DataError, match=message):
        listed(path)


def pax(*records: bytes) -> bytes:
    data = b"".join(records)
    return tar_header(b"x", b"%o" % len(data), b"x") + data.ljust(-(-len(data) // 512) * 512, b"\0")


def test_a_pax_record_gives_the_name_and_size_of_the_next_member_only(tmp_path):
    path = tmp_path / "a.tar"
    first = pax(b"14 path=b.jpg\n", b"9 size=3\n") + tar_header(b"a.jpg") + b"one".ljust(512, b"\0")
    path.write_bytes(first + tar_header(b"c.jpg", b"3") + b"two".ljust(512, b"\0") + END)
    assert listed(path) == {"b.jpg": b"one", "c.jpg": b"two"}


@pytest.mark.parametrize(
    "record",
    [
        b"99 path=b.jpg\n",
        b"3 path=b.jpg\n",
        b"0 path=b.jpg\n",
        b"14 path.b.jpg\n",
        b"14 path=b.jpg",
        b"path=b.jpg\n",
        b"11 size=-1\n",
        b"21 size=99999999999\n",
        b"21 GNU.sparse.size=1\n",
    ],
)
def test_a_malformed_pax_record_is_refused(tmp_path, record):
    path = tmp_path / "a.tar"
    path.write_bytes(pax(record) + tar_header(b"a.jpg") + END)
    with pytest.raises(DataError):
        listed(path)


def test_a_bomb_of_a_name_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(tar_header(b"L", b"%o" % (2 << 20), b"L") + b"n" * (2 << 20) + tar_header(b"a") + END)
    with pytest.raises(DataError, match="a name record of 2097152 bytes"):
        listed(path)


def test_sparse_members_are_refused(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(tar_header(b"a.jpg", b"0", b"S") + END)
    with pytest.raises(DataError, match="sparse"):
        listed(path)


def test_links_devices_and_names_that_lead_outside_are_counted_and_not_listed(tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        kinds = {"s": tarfile.SYMTYPE, "h": tarfile.LNKTYPE, "c": tarfile.CHRTYPE, "f": tarfile.FIFOTYPE}
        for name, kind in kinds.items():
            info = tarfile.TarInfo(f"{name}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "./good.jpg"]:
            archive.addfile(tarfile.TarInfo(name))
    path = tmp_path / "a.tar"
    path.write_bytes(stream.getvalue())
    tree = open_tree(path)
    assert [tree.members.name(i) for i in range(len(tree.members))] == ["good.jpg"]
    assert tree.ignored == Counter({"links": 2, "devices": 1, "pipes": 1, "names that lead outside": 3})


def test_a_member_that_stands_twice_is_refused_by_name(tmp_path):
    stream = io.BytesIO(tar_bytes(class_files("cat", "dog")))
    with tarfile.open(fileobj=stream, mode="a") as archive:
        archive.addfile(tarfile.TarInfo("./dog/1.jpg"))
    path = tmp_path / "a.tar"
    path.write_bytes(stream.getvalue())
    with pytest.raises(DataError, match=r"holds dog/1\.jpg twice"):
        open_folder(path)


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), min_size=1, max_size=4))
def test_mutated_archives_are_refused_or_stay_inside_the_file(tmp_path_factory, changes):
    data = bytearray(tar_bytes({"a.jpg": b"1" * 600, "n" * 120: b"2", "b/c.jpg": b"3"}))
    for position, value in changes:
        data[position] = value
    path = tmp_path_factory.getbasetemp() / "mutated.tar"
    path.write_bytes(data)
    try:
        tree = open_tar(SpanFile(path), path)
    except DataError:
        return
    for index in range(len(tree.members)):
        assert len(tree.read(index)) == tree.members.sizes[index]
