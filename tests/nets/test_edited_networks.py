"""Networks of edited tables: every kind of row put in, changed and taken out, and edits that do not fit."""

from dataclasses import replace

import pytest
import torch

from alexnet.config.load import build
from alexnet.core.errors import AlexNetError, UsageError
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.create import create_model
from alexnet.nets.edits import ROWS, Change, Insert, Remove, apply_edits, build_row
from alexnet.nets.layers import ACTIVATIONS, RbfOutput, build_layer
from alexnet.nets.rows import (
    Activation,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    LocalConv,
    Lrn,
    PartialConv,
    Pool,
    Rbf,
    SpatialNorm,
    Subsample,
)

LENET = NETWORKS["lenet5_modern"].table


def row(table, name):
    return next(r for r in table if r.name == name)


INSERTED = {
    "conv": ("pool2", {"channels": 6, "kernel": 3, "pad": 1, "groups": 2}, Conv("new", 6, 3, pad=1, groups=2)),
    "partial_conv": (
        "pool1",
        {"links": [[0, 5], [1], [2]], "kernel": 3},
        PartialConv("new", ((0, 5), (1,), (2,)), 3),
    ),
    "local_conv": ("pool2", {"channels": 4, "kernel": 3, "pad": 1}, LocalConv("new", 4, 3, pad=1)),
    "linear": ("relu4", {"units": 9, "std": 0.1}, Linear("new", 9, std=0.1)),
    "activation": ("conv1", {"function": "abs_tanh"}, Activation("new", "abs_tanh")),
    "lrn": ("relu1", {"size": 3, "groups": 2}, Lrn("new", 3, groups=2)),
    "spatial_norm": ("relu1", {"size": 3, "alpha": 1}, SpatialNorm("new", 3, 1.0)),
    "batch_norm": ("conv2", {"momentum": 0.5}, BatchNorm("new", 0.5)),
    "pool": ("relu2", {"size": 2, "stride": 1, "how": "average"}, Pool("new", 2, 1, "average")),
    "subsample": ("relu1", {"size": 2, "bias": 0.5}, Subsample("new", 2, bias=0.5)),
    "dropout": ("relu3", {"rate": 0.25}, Dropout("new", 0.25)),
}
"""Where in the modern LeNet-5 a row of each kind fits, the fields that a recipe gives it, and what it is."""


def run(name, edits):
    net = create_model(name, seed=0, edits=edits).eval()
    logits = net(torch.ones(2, *net.input_shape))
    assert logits.shape == (2, 10) and torch.isfinite(logits).all()
    return net


def inserted(kind):
    after, fields, _ = INSERTED[kind]
    return Insert(after=after, row={"kind": kind, "name": "new", **fields})


def test_every_kind_is_inserted_here():
    assert {*INSERTED, "rbf"} == set(ROWS)


@pytest.mark.parametrize("kind", sorted(INSERTED))
def test_every_kind_of_row_can_be_inserted(kind):
    after, _, expected = INSERTED[kind]
    net = run("lenet5_modern", [inserted(kind)])
    names = [r.name for r in net.table]
    assert names[names.index(after) + 1] == "new" and row(net.table, "new") == expected
    assert type(net.new) is type(build_layer(expected, (6, 14, 14), (6, 14, 14)))


@pytest.mark.parametrize("kind", sorted(INSERTED))
def test_every_kind_of_row_can_be_removed(kind):
    net = run("lenet5_modern", [inserted(kind), Remove(row="new")])
    plain = create_model("lenet5_modern", seed=0).eval()
    assert net.table == plain.table
    assert torch.equal(net(torch.ones(1, 1, 28, 28)), plain(torch.ones(1, 1, 28, 28)))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("conv", "kernel", 1),
        ("partial_conv", "kernel", 1),
        ("partial_conv", "links", [[0], [1, 2], [3], [5]]),
        ("local_conv", "channels", 7),
        ("linear", "units", 20),
        ("activation", "kind", "sigmoid"),
        ("lrn", "alpha", 1),
        ("spatial_norm", "size", 5),
        ("batch_norm", "epsilon", 0.1),
        ("pool", "kind", "max"),
        ("pool", "size", 3),
        ("subsample", "kind", "sum"),
        ("dropout", "inverted", True),
    ],
)
def test_every_kind_of_row_can_be_changed(kind, field, value):
    net = run("lenet5_modern", [inserted(kind), Change(row="new", fields={field: value})])
    expected = tuple(map(tuple, value)) if isinstance(value, list) else value
    assert row(net.table, "new") == replace(INSERTED[kind][2], **{field: expected})


def test_an_output_of_codes_can_take_the_place_of_a_softmax():
    net = run(
        "lenet5_modern", [Remove(row="fc5"), Insert(after="relu4", row={"kind": "rbf", "name": "output"})]
    )
    assert net.table[-1] == Rbf("output") and isinstance(net.get_classifier(), RbfOutput)


def test_lenet_5s_codes_can_give_way_to_a_softmax():
    edits = [
        Remove(row="output"),
        Insert(after="f6_tanh", row={"kind": "linear", "name": "output", "std": 0.1}),
    ]
    assert run("lenet5", edits).table[-1] == Linear("output", None, std=0.1)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_row_of_every_network_can_be_removed_or_changed(name):
    table = NETWORKS[name].table
    for old in table:
        assert apply_edits(table, [Remove(row=old.name)]) == tuple(r for r in table if r is not old)
        if not isinstance(old, Rbf | Activation | Pool | BatchNorm | Subsample | Dropout | Lrn | SpatialNorm):
            changed = apply_edits(table, [Change(row=old.name, fields={"bias": 0.5})])
            assert changed == tuple(replace(r, bias=0.5) if r is old else r for r in table)


@pytest.mark.parametrize("function", sorted(ACTIVATIONS))
@pytest.mark.parametrize("name", ["alexnet_145", "cifar10_11pct", "lenet5", "lenet5_modern"])
def test_any_activation_can_be_any_function(name, function):
    table = NETWORKS[name].table
    activations = [r.name for r in table if isinstance(r, Activation)]
    for activation in activations:
        changed = apply_edits(table, [Change(row=activation, fields={"kind": function})])
        assert row(changed, activation) == Activation(activation, function)
        assert sum(a != b for a, b in zip(changed, table, strict=True)) <= 1
    if name.startswith("lenet"):
        edits = [Change(row=activation, fields={"kind": function}) for activation in activations]
        net = run(name, edits)
        x = torch.linspace(-2, 2, 5)
        for activation in activations:
            assert torch.equal(net.get_submodule(activation)(x), ACTIVATIONS[function](x))


# --- how a recipe spells them


@pytest.mark.parametrize(
    ("name", "field", "value"), [("relu1", "function", "tanh"), ("pool1", "how", "average")]
)
def test_a_change_spells_fields_as_an_insertion_does(name, field, value):
    changed = row(apply_edits(LENET, [Change(row=name, fields={field: value})]), name)
    assert changed.kind == value


def test_a_summing_subsampling_can_be_inserted():
    values = {"kind": "subsample", "name": "x", "how": "sum"}
    assert build_row(values, "row.") == Subsample("x", kind="sum")


@pytest.mark.parametrize(
    ("edit", "values"),
    [
        (Insert, {"after": "c1", "row": {"kind": "partial_conv", "name": "x", "kernel": 1, "links": [[0]]}}),
        (Change, {"row": "c3", "fields": {"links": [[0, 1], [2]]}}),
    ],
)
def test_a_recipe_can_state_a_connection_table(edit, values):
    build(edit, values)


# --- edits that do not fit


FAULTS = {
    "codes of 84 read 80 values": ("lenet5", Change(row="f6", fields={"units": 80})),
    "two rows of one name": ("lenet5", Insert(after="c1", row={"kind": "activation", "name": "c3"})),
    "a name with a dot": ("lenet5", Insert(after="c1", row={"kind": "activation", "name": "a.b"})),
    "a name that torch uses": ("lenet5", Insert(after="c1", row={"kind": "activation", "name": "forward"})),
    "a name that the network uses": ("lenet5", Insert(after="c1", row={"kind": "activation", "name": "table"})),
    "an even window": ("lenet5", Insert(after="c1", row={"kind": "lrn", "name": "x", "size": 4})),
    "towers that do not divide": ("lenet5", Insert(after="c1", row={"kind": "lrn", "name": "x", "groups": 4})),
    "no maps": ("lenet5_modern", Change(row="conv2", fields={"channels": 0})),
    "a stride of 0": ("lenet5_modern", Change(row="conv2", fields={"stride": 0})),
    "a pool's stride of 0": ("lenet5_modern", Change(row="pool1", fields={"stride": 0})),
    "no groups": ("lenet5_modern", Change(row="conv2", fields={"groups": 0})),
    "a link before the first map": ("lenet5", Change(row="c3", fields={"links": [[-1]] * 16})),
    "a link twice": ("lenet5", Change(row="c3", fields={"links": [[0, 0]] * 16})),
    "units that are not the classes": ("lenet5_modern", Change(row="fc5", fields={"units": 5})),
    **{
        f"{kind} behind a full layer": (
            "lenet5_modern",
            Insert(after="relu3", row={"kind": kind, "name": "x", **fields}),
        )
        for kind, fields in {
            "conv": {"channels": 4, "kernel": 1},
            "partial_conv": {"kernel": 1, "links": [[0]]},
            "local_conv": {"channels": 4, "kernel": 1},
            "pool": {"size": 2, "stride": 2},
            "subsample": {},
            "batch_norm": {},
            "lrn": {},
            "spatial_norm": {"size": 3, "alpha": 1},
        }.items()
    },
}
"""Edits after which a network could not be built, or not the one that was meant."""


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_edits_that_do_not_fit_are_refused_with_a_line(fault):
    name, edit = FAULTS[fault]
    with pytest.raises(AlexNetError):
        create_model(name, seed=0, edits=[edit])


@pytest.mark.parametrize(
    ("name", "edit", "line"),
    [
        ("lenet5_modern", Change(row="conv2", fields={"kernel": 50}), "a 50 x 50 kernel does not fit into 14"),
        ("lenet5_modern", Change(row="conv1", fields={"channels": 5, "groups": 2}), "do not split into 2"),
        ("lenet5", Change(row="c1", fields={"channels": 3}), "c3: a link reads map 3, but there are 3"),
        ("alexnet", Change(row="fc6", fields={"units": 4095, "groups": 2}), "fc6: 9216 -> 4095 channels"),
        ("lenet5_modern", Insert(after="fc3", row={"kind": "dropout", "name": "x", "rate": 1}), "in [0, 1)"),
    ],
)
def test_edits_that_do_not_fit_together_are_refused(name, edit, line):
    with pytest.raises(UsageError) as caught:
        create_model(name, edits=[edit])
    assert str(caught.value).startswith(f"{name}: ") and line in str(caught.value)
