from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.data.strict_json import canonical_json, from_plain, parse_json, to_json

finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
    )
)


@dataclass(frozen=True)
class Inner:
    name: str
    ratio: float


@dataclass(frozen=True)
class Outer:
    size: int | None
    flags: tuple[bool, ...]
    pair: tuple[int, str]
    parts: dict[str, Inner]


outers = st.builds(
    Outer,
    st.none() | st.integers(),
    st.lists(st.booleans()).map(tuple),
    st.tuples(st.integers(), names),
    st.dictionaries(names, st.builds(Inner, names, finite), max_size=3),
)
PLAIN = {"size": 1, "flags": [True], "pair": [1, "a"], "parts": {"x": {"name": "y", "ratio": 0.5}}}


@given(outers, st.sampled_from((None, 1)))
def test_what_is_written_is_read_back(value, indent):
    assert from_plain(Outer, parse_json(to_json(value, indent=indent))) == value
    assert from_plain(Outer, parse_json(canonical_json(value))) == value


@given(names)
def test_a_line_holds_only_printable_characters(name):
    assert to_json({"name": name}).decode().isprintable()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more": 1}, "it has the unknown field 'more'"),
        ({"size": 1.0}, "it.size is not a int"),
        ({"size": True}, "it.size is not a int"),
        ({"flags": {}}, "it.flags is not a list"),
        ({"flags": [1]}, "it.flags is not a bool"),
        ({"pair": [1]}, "it.pair has 1 elements instead of 2"),
        ({"parts": []}, "it.parts is not an object"),
        ({"parts": {"x": 1}}, "it.parts.x is not an object"),
        ({"parts": {"x": {"name": "y", "ratio": 1}}}, "it.parts.x.ratio is not a float"),
        ({"parts": {"x": {"name": "y"}}}, "it.parts.x lacks ratio"),
    ],
)
def test_other_fields_and_types_are_refused(change, message):
    assert from_plain(Outer, PLAIN).size == 1
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        from_plain(Outer, PLAIN | change)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b'{"a":1,"a":2}', b"NaN", b"[Infinity]", b"[" * 100_000, b"9" * 9999]
)
def test_what_is_no_json_is_a_value_error(data):
    with pytest.raises(ValueError):
        parse_json(data)
