"""The reader of Protocol Buffers against Google's writer, and against bytes that are no message."""

import contextlib

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from alexnet.nets.interchange.wire import WireError, WireReader, read_varint

FIELDS = {
    "whole": (1, "INT64", False),
    "text": (2, "STRING", False),
    "packed": (3, "FLOAT", True),
    "floats": (4, "FLOAT", False),
    "doubles": (5, "DOUBLE", False),
    "far": (70_000, "FLOAT", False),
    "wholes": (16, "UINT64", True),
}
"""Number, type, packed."""


def message_class():
    file = descriptor_pb2.FileDescriptorProto(name="wire.proto", syntax="proto2")
    described = file.message_type.add(name="Message")
    for name, (number, kind, packed) in FIELDS.items():
        field = described.field.add(
            name=name, number=number, label=3, type=getattr(field_kinds(), f"TYPE_{kind}")
        )
        field.options.packed = packed
        if kind == "STRING":
            field.ClearField("options")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Message"))


def field_kinds():
    return descriptor_pb2.FieldDescriptorProto


MESSAGE = message_class()
float32 = st.floats(width=32, allow_nan=False)


@given(
    whole=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    text=st.lists(st.text(max_size=9), max_size=3),
    packed=st.lists(float32, max_size=9),
    floats=st.lists(float32, max_size=40),
    doubles=st.lists(st.floats(allow_nan=False), max_size=9),
    far=st.lists(float32, max_size=9),
    wholes=st.lists(st.integers(0, 2**64 - 1), max_size=9),
)
def test_what_google_wrote_is_read(**values):
    data = memoryview(MESSAGE(**values).SerializeToString())
    read = {name: [] for name in FIELDS}
    names = {number: name for name, (number, _, _) in FIELDS.items()}
    reader = WireReader()
    for field in reader.fields(data):
        match names[field.number]:
            case "whole":
                value = field.whole()
                read["whole"].append(value - 2**64 if value >> 63 else value)
            case "text":
                read["text"].append(field.text())
            case "wholes":
                read["wholes"] += reader.whole_numbers(field.message(), 9)
            case name:
                read[name] += field.numbers("<f8" if name == "doubles" else "<f4").tolist()
    assert read == values


@given(counts=st.lists(st.integers(1, 70), max_size=4))
def test_runs_end_where_another_field_begins(counts):
    pieces = [MESSAGE(floats=range(n), whole=[0]).SerializeToString() for n in counts]
    runs = [field for field in WireReader().fields(memoryview(b"".join(pieces))) if field.number == 4]
    assert [run.numbers("<f4").tolist() for run in runs] == [list(range(n)) for n in counts]


def test_a_run_counts_once():
    data = memoryview(MESSAGE(floats=np.arange(1000)).SerializeToString())
    (field,) = WireReader(limit=1).fields(data)
    assert len(field.numbers("<f4")) == 1000


def fields(data, limit=100):
    return list(WireReader(limit).fields(memoryview(data)))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\x08", "a number is cut"),
        (b"\x80", "a number is cut"),
        (b"\x08" + b"\xff" * 10, "a number has more than 10 bytes"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "a number has more than 64 bits"),
        (b"\x00\x00", "there is no field 0"),
        (b"\x80\x80\x80\x80\x10\x00", "there is no field 536870912"),
        (b"\x12\x05abcd", "field 2 is cut"),
        (b"\x12" + b"\xff" * 9 + b"\x01", "field 2 is cut"),
        (b"\x25\0\0\0", "a number is cut"),
        (b"\x29\0\0\0\0\0\0\0", "a number is cut"),
        (b"\x0b\x0c", "field 1 is of wire type 3"),
        (b"\x0e", "field 1 is of wire type 6"),
        (b"\x0f", "field 1 is of wire type 7"),
    ],
)
def test_bytes_that_are_no_message_are_refused(data, line):
    with pytest.raises(WireError) as caught:
        fields(data)
    assert str(caught.value) == line


def test_the_greatest_number_is_read():
    assert read_varint(memoryview(b"\xff" * 9 + b"\x01"), 0) == (2**64 - 1, 10)


def test_fields_of_all_messages_count_against_one_limit():
    reader = WireReader(limit=5)
    assert len(list(reader.fields(memoryview(b"\x08\x01" * 3)))) == 3
    with pytest.raises(WireError, match="there are too many fields"):
        list(reader.fields(memoryview(b"\x08\x01" * 3)))


@pytest.mark.parametrize(
    ("data", "read", "line"),
    [
        (b"\x08\x01", lambda field: field.message(), "field 1 is not a message"),
        (b"\x12\x00", lambda field: field.whole(), "field 2 is not a whole number"),
        (b"\x12\x01\xff", lambda field: field.text(), "field 2 is not text"),
        (b"\x12\x05abcde", lambda field: field.numbers("<f4"), "field 2 ends in the middle of a number"),
        (b"\x25abcd", lambda field: field.numbers("<f8"), "field 4 has numbers of 4 bytes"),
        (b"\x08\x01", lambda field: field.numbers("<f4"), "field 1 is not a message"),
    ],
)
def test_a_field_of_another_kind_is_refused(data, read, line):
    with pytest.raises(WireError) as caught:
        read(fields(data)[0])
    assert str(caught.value) == line


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(WireError):
        fields(data)
