"""What a person reads when something goes wrong."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.core import errors
from alexnet.core.errors import AlexNetError, DataError, UsageError, printable

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AlexNetError)]
EXIT_CODES = {
    "AlexNetError": 1,
    "StorageError": 1,
    "CheckpointError": 1,
    "UsageError": 2,
    "CommandLineError": 2,
    "RecipeError": 2,
    "DataError": 3,
    "DivergedError": 4,
    "DriftError": 1,
    "StoppedError": 75,
}


def test_every_class_keeps_its_exit_code():
    assert {kind.__name__: kind.exit_code for kind in CLASSES} == EXIT_CODES


@pytest.mark.parametrize(
    ("where", "remedy", "line"),
    [
        (None, None, "is cut"),
        ("a.bin", None, "a.bin: is cut"),
        (None, "fetch it again", "is cut; fetch it again"),
        ("a.bin", "fetch it again", "a.bin: is cut; fetch it again"),
    ],
)
def test_the_line_is_place_fact_and_remedy(where, remedy, line):
    assert str(DataError("is cut", where=where, remedy=remedy)) == line


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_survives_the_way_out_of_a_worker_process(kind):
    error = kind("is cut", where="a.bin", remedy="fetch it again")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert (twin.what, twin.where, twin.remedy) == (error.what, error.where, error.remedy)
        assert str(twin) == str(error)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain /path/of-a file.jpg", "plain /path/of-a file.jpg"),
        ("Übung/猫.png", "Übung/猫.png"),
        ("two\nlines\r", r"two\nlines\r"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("bad\udcffname", r"bad\udcffname"),
        ("right\u202eleft", r"right\u202eleft"),
        ("no\u2028break", r"no\u2028break"),
    ],
)
def test_a_name_cannot_break_or_color_the_line(text, line):
    assert printable(text) == line
    assert str(UsageError("is odd", where=text)) == f"{line}: is odd"


@given(st.text(st.characters(exclude_categories=())), st.text(), st.text())
def test_any_text_gives_one_printable_encodable_line(what, where, remedy):
    line = str(AlexNetError(what, where=where, remedy=remedy))
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
    line.encode("utf-8")


@given(st.text(st.characters(exclude_categories=())))
def test_escaping_twice_changes_nothing(text):
    assert printable(printable(text)) == printable(text)


def test_where_may_be_any_object(tmp_path):
    assert DataError("is cut", where=tmp_path).where == str(tmp_path)
