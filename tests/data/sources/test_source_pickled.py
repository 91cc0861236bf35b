"""Pickles of plain data are read; pickles that would do something are refused, and do nothing."""

import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.core.errors import DataError
from alexnet.data.sources.pickled import PickledArray, read_pickle


def python2_batch(data: np.ndarray, labels: list[int], key: str = "labels") -> bytes:
    """Return a batch as Python 2 and its numpy pickled it, protocol 2: every text and the pixels are `str`."""

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    rows, columns = data.shape
    shape = b"M" + struct.pack("<H", rows) + b"M" + struct.pack("<H", columns) + b"\x86"
    dtype = b"cnumpy\ndtype\nq\x0a" + text("u1") + b"K\x00K\x01\x87Rq\x0b"
    dtype += b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    raw = data.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85"
        + text("b")
        + b"\x87Rq\x09"
    )
    array += b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    numbers = b"]q\x05(" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    batch = b"\x80\x02}q\x01(" + text("batch_label") + b"q\x02" + text("training batch 1 of 5") + b"q\x03"
    return batch + text(key) + b"q\x04" + numbers + text("data") + b"q\x06" + array + b"u."


DATA = np.arange(2 * 3072, dtype=np.uint32).astype(np.uint8).reshape(2, 3072)


def array_bytes(data: bytes, value: PickledArray) -> bytes:
    return data[value.raw.offset : value.raw.offset + value.raw.size]


def test_a_batch_of_python_2_is_read():
    data = python2_batch(DATA, [6, 9])
    value = read_pickle(data, "x")
    assert value["labels"] == [6, 9] and value["batch_label"] == "training batch 1 of 5"
    assert value["data"].shape == (2, 3072) and value["data"].dtype == "u1" and not value["data"].fortran
    assert array_bytes(data, value["data"]) == DATA.tobytes()
    assert pickle.loads(data, encoding="latin-1")["data"].tolist() == DATA.tolist()


@pytest.mark.parametrize("protocol", [3, 4])
def test_a_batch_pickled_again_by_python_3_is_read(protocol):
    plain = {"data": DATA, "labels": [1, 300], "filenames": ["a.png", "b.png"], "none": None, "pair": (1, True)}
    data = pickle.dumps(plain, protocol)
    value = read_pickle(data, "x")
    assert array_bytes(data, value.pop("data")) == DATA.tobytes()
    assert value == {key: item for key, item in plain.items() if key != "data"}


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_class_names_are_read_in_every_protocol(protocol):
    plain = {"label_names": ["airplane", "고양이"], "num_vis": 3072, "num_cases_per_batch": 10000}
    assert read_pickle(pickle.dumps(plain, protocol), "x") == plain


class Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class State:
    def __reduce__(self):
        return (dict, (), {"a": 1})


class Setting:
    def __setstate__(self, state):
        raise AssertionError("executed")

    def __getstate__(self):
        return {"a": 1}


def evil(canary) -> dict[str, bytes]:
    command = f"touch {canary}"
    body = f"open({str(canary)!r}, 'w').close()"
    pickles = {
        "system": pickle.dumps({"data": Call(os.system, command)}, 2),
        "eval": pickle.dumps({"data": Call(eval, body)}, 4),
        "exec": pickle.dumps({"data": Call(exec, body)}, 3),
        "popen": pickle.dumps({"data": Call(os.popen, command)}, 4),
        "state": pickle.dumps({"data": State()}, 4),
        "setstate": pickle.dumps({"data": Setting()}, 4),
        "getattr": b"c__builtin__\ngetattr\n.",
        "instance": f"(dp0\nS'data'\n(S'{command}'\nios\nsystem\ns.".encode(),
        "object": f"(dp0\nS'data'\n(cos\nsystem\nS'{command}'\nos.".encode(),
        "persistent": b"}S'data'\nPsome id\ns.",
        "extension": b"}S'data'\n\x82\x01s.",
        "numpy-load": b"}S'data'\ncnumpy\nload\nS'x'\n\x85Rs.",
        "reconstruct": b"}S'a'\ncnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\nK\x00\x85S'b'\n\x87Rs.",
        "call-ndarray": b"}S'data'\ncnumpy\nndarray\nK\x05\x85Rs.",
        "build-dict": b"}}b.",
        "memo-class": b"cos\nsystem\np0\n0}S'a'\ng0\ns.",
    }
    return pickles


@pytest.mark.parametrize("name", list(evil("x")))
def test_a_pickle_that_would_do_something_is_refused_and_does_nothing(tmp_path, name):
    canary = tmp_path / "canary"
    with pytest.raises(DataError):
        read_pickle(evil(canary)[name], "x")
    assert not canary.exists()


def test_the_canary_would_have_been_touched(tmp_path):
    pickle.loads(evil(tmp_path / "canary")["exec"])
    assert (tmp_path / "canary").exists()


def test_an_object_array_is_refused():
    with pytest.raises(DataError):
        read_pickle(pickle.dumps({"data": np.array([{}, 1], object)}, 4), "x")


@pytest.mark.timeout(20)
def test_deep_nests_and_memo_bombs_are_cheap():
    deep = b"\x80\x02}U\x01a" + b"]" * 100_000 + b"a" * 99_999 + b"s."
    assert list(read_pickle(deep, "x")) == ["a"]
    bomb = b"\x80\x02}U\x01a]q\x00K\x01a" + b"".join(b"](h%cq%ch%ce" % (i, i + 1, i) for i in range(60)) + b"."
    with pytest.raises(DataError):
        read_pickle(bomb, "x")
    circle = b"\x80\x02}q\x00U\x01ah\x00s."
    value = read_pickle(circle, "x")
    assert value["a"] is value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"N.",
        b"]K\x01a.",
        b"}K\x01K\x02s.",
        b"}}.",
        b"}",
        b"0.",
        b"h\x05.",
        b"}(K\x01u.",
        b"}](K\x01s.",
        b"I" + b"9" * 5000 + b"\n.",
        b"\x8e" + b"\xff" * 8,
        b"T\xff\xff\xff\x7f",
        b"(t.",
        b"NN\x86.",
        b"Na.",
    ],
)
def test_a_damaged_pickle_is_refused(data):
    with pytest.raises(DataError):
        read_pickle(data, "x")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 250), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 400)
)
def test_mutated_batches_bring_out_nothing_but_data_or_a_data_error(changes, keep):
    data = bytearray(python2_batch(DATA[:, :30], [6, 9])[: keep or None])
    for position, value in changes:
        if position < len(data):
            data[position] = value
    try:
        value = read_pickle(bytes(data), "x")
    except DataError:
        return
    assert all(isinstance(key, str) for key in value)
