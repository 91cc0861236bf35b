"""Edits of a table of rows: each changes what it names, and refuses what it does not know."""

import pytest

from alexnet.nets.alexnet import ALEXNET_TABLE
from alexnet.nets.rows import Activation, Conv, Linear, Lrn
from alexnet.nets.tables import change, insert_after, move_after, weighted, without

NAMES = [row.name for row in ALEXNET_TABLE]


def names(table):
    return [row.name for row in table]


def test_change_replaces_the_fields_of_one_row():
    table = change(ALEXNET_TABLE, "conv3", std=0.03, channels=10)
    row = table[NAMES.index("conv3")]
    assert (row.std, row.channels, row.kernel, row.pad) == (0.03, 10, 3, 1)
    assert [a for a, b in zip(table, ALEXNET_TABLE, strict=True) if a != b] == [row]
    assert ALEXNET_TABLE[NAMES.index("conv3")].std == 0.01


def test_without_removes_the_named_rows_only():
    assert names(without(ALEXNET_TABLE, "norm1", "norm2")) == [n for n in NAMES if not n.startswith("norm")]


def test_insert_after_puts_rows_behind_the_named_one_in_order():
    table = insert_after(ALEXNET_TABLE, "relu5", Lrn("a"), Lrn("b"))
    place = names(table).index("relu5")
    assert names(table)[place : place + 4] == ["relu5", "a", "b", "pool5"]
    assert len(table) == len(ALEXNET_TABLE) + 2
    assert names(insert_after(ALEXNET_TABLE, "fc8", Activation("last")))[-2:] == ["fc8", "last"]


@pytest.mark.parametrize(("row", "anchor"), [("relu1", "pool1"), ("pool1", "conv1"), ("fc8", "conv1")])
def test_move_after_moves_one_row(row, anchor):
    table = move_after(ALEXNET_TABLE, row, anchor)
    assert names(table).index(row) == names(table).index(anchor) + 1
    assert [n for n in names(table) if n != row] == [n for n in NAMES if n != row]


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: change(t, "conv9", std=0.1),
        lambda t: without(t, "conv1", "conv9"),
        lambda t: insert_after(t, "conv9", Lrn("norm")),
        lambda t: move_after(t, "conv9", "conv1"),
        lambda t: move_after(t, "fc8", "conv9"),
    ],
)
def test_an_unknown_row_is_refused_with_the_known_ones(edit):
    with pytest.raises(KeyError, match=r"no row 'conv9'; the rows are conv1, relu1, norm1"):
        edit(ALEXNET_TABLE)


def test_an_unknown_field_is_refused():
    with pytest.raises(TypeError, match="sigma"):
        change(ALEXNET_TABLE, "conv1", sigma=1)


def test_weighted_rows_are_the_convolutions_and_full_layers():
    assert names(weighted(ALEXNET_TABLE)) == [n for n in NAMES if n.startswith(("conv", "fc"))]


def test_rows_are_values():
    assert Conv("c", 3, 3) == Conv("c", 3, 3) != Conv("c", 3, 3, bias=1)
    assert len({Linear("f", 2), Linear("f", 2)}) == 1
    with pytest.raises(AttributeError):
        Conv("c", 3, 3).channels = 4
