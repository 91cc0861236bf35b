"""A CSV of paths and labels: what it may say, and what is refused with its line."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import class_files, contents, write_files

from alexnet.core.errors import DataError
from alexnet.data.sources.csv_list import open_csv
from alexnet.data.sources.options import SourceOptions


def write_csv(root, text: str | bytes):
    path = root / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def root(tmp_path):
    return write_files(tmp_path / "root", class_files("p", count=12))


def rows(count: int = 12, kinds: int = 2) -> list[str]:
    return [f"p/{i}.jpg,k{i % kinds}" for i in range(count)]


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_is_read_with_any_line_ends_and_mark(root, start, end):
    path = write_csv(root, start + end.join(["path,label", *rows(), ""]))
    source = open_csv(path, SourceOptions(val_fraction=0))
    assert source.info.classes == source.info.class_names == ("k0", "k1")
    expected = {f"p/{i}.jpg": (i % 2, f"p{i}".encode()) for i in range(12)}
    assert contents(source.splits["train"]) == expected


def test_the_split_column_decides(root):
    lines = [f"{row},{('train', 'Validation', 'test')[i % 6 // 2]}" for i, row in enumerate(rows())]
    source = open_csv(write_csv(root, "\n".join(["path,label,split", *lines])))
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 4, "val": 4}
    assert source.ignored == {"pictures of the split test": 4}


def test_without_a_split_column_a_part_is_set_aside(root):
    source = open_csv(write_csv(root, "\n".join(["path,label", *rows()])), SourceOptions(val_fraction=0.34))
    assert sorted(source.splits["val"].labels.tolist()) == [0, 0, 1, 1]


def test_labels_that_are_numbers_are_ordered_as_numbers(root):
    lines = [f"p/{i}.jpg,{i}" for i in range(12)]
    assert open_csv(write_csv(root, "\n".join(["path,label", *lines]))).info.classes == tuple(
        map(str, range(12))
    )
    lines[0] = "p/0.jpg,x"
    mixed = open_csv(write_csv(root, "\n".join(["path,label", *lines]))).info.classes
    assert mixed == ("1", "10", "11", *map(str, range(2, 10)), "x")


def test_an_absolute_path_may_lead_anywhere(root, tmp_path):
    (tmp_path / "far.jpg").write_bytes(b"far")
    path = write_csv(root, f'path,label\np/0.jpg,k0\n"{tmp_path / "far.jpg"}",k1\n')
    assert (1, b"far") in contents(open_csv(path).splits["train"]).values()


def test_formulas_quotes_and_other_encodings_are_text(root):
    names = {"p/=cmd|' /C calc'!A0.jpg": b"1", 'p/say "hi", you.jpg': b"2"}
    write_files(root, names)
    text = b'path,label\n"p/=cmd|\' /C calc\'!A0.jpg",=1+1\n"p/say ""hi"", you.jpg",' + b"\xb0\xa1\n"
    source = open_csv(write_csv(root, text))
    assert source.info.classes == ("=1+1", "\udcb0\udca1")
    assert {name: data for name, (_, data) in contents(source.splits["train"]).items()} == names


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../outside.jpg,k0", r"line 3.*outside the list's folder"),
        ("p/../../outside.jpg,k0", "outside the list's folder"),
        ("p/none.jpg,k0", r"line 3.*names p/none\.jpg, which cannot be found"),
        ("p,k0", "not a regular file"),
        ("p/0.jpg", "has 1 fields where the header has 2"),
        ("p/0.jpg,k0,train", "has 3 fields"),
        ("p/0.jpg,", "empty"),
        (",k0", "empty"),
        ("p/\0.jpg,k0", "impossible path"),
        ('p/0.jpg,"k0', "cannot be read as CSV"),
        ("p/1.jpg,k0", r"names p/1\.jpg twice"),
        ("x" * 70000 + ",k0", "more than 65536 characters"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused(root, tmp_path, line, message):
    (tmp_path / "outside.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=message):
        open_csv(write_csv(root, f"path,label\np/1.jpg,k1\n{line}\n"))


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_out_of_the_folder_is_refused(root, tmp_path):
    (tmp_path / "outside.jpg").write_bytes(b"")
    (root / "p" / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    with pytest.raises(DataError, match="outside the list's folder"):
        open_csv(write_csv(root, "path,label\np/0.jpg,k0\np/link.jpg,k1\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\n", "does not begin with the header"),
        ("", "does not begin with the header"),
        ("path,label\n", "holds no pictures"),
        ("path,label\np/0.jpg,k0\np/1.jpg,k0\n", "one class only"),
        ("path,label,split\np/0.jpg,k0,train\np/1.jpg,k1,later\n", "names the split 'later'"),
        ("path,label,split\np/0.jpg,k0,train\np/1.jpg,k1,val\n", "classes that train lacks: k1"),
        ("path,label,split\np/0.jpg,k0,val\n", "classes that train lacks: k0"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(root, text, message):
    with pytest.raises(DataError, match=message):
        open_csv(write_csv(root, text))


@settings(max_examples=80, deadline=None)
@given(body=st.binary(max_size=200))
def test_no_bytes_bring_out_anything_but_a_data_error(tmp_path_factory, body):
    root = tmp_path_factory.getbasetemp() / "fuzz"
    root.mkdir(exist_ok=True)
    with pytest.raises(DataError):
        open_csv(write_csv(root, b"path,label\n" + body))
