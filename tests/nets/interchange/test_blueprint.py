"""The description of a network beside its weights: complete, and refused in one line where it cannot be."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import alexnet
from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.nets.blueprint import Blueprint
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.create import create_model
from alexnet.nets.initialize import initialize
from alexnet.nets.network import Network
from alexnet.nets.weights import save_weights
from nets.small_networks import small


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


GOOD = json.loads(Blueprint.of(create_model("lenet5_modern", seed=0)).to_json())


def with_rows(*rows):
    return {**GOOD, "table": [*rows, *GOOD["table"]]}


def first_row(**fields):
    return {**GOOD, "table": [{**GOOD["table"][0], **fields}, *GOOD["table"][1:]]}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_blueprint_says_everything_about_every_network(name):
    with torch.device("meta"):
        net = Network(NETWORKS[name], 10)
    blueprint = Blueprint.of(net)
    assert blueprint.table == NETWORKS[name].table
    text = blueprint.to_json()
    assert Blueprint.from_json(text) == blueprint
    assert json.loads(text)["version"] == alexnet.__version__ and len(text) < 10_000


@pytest.mark.parametrize(
    ("described", "line"),
    [
        ("", "Expecting value"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "there is no table of rows"),
        (" " * (1 << 21), "2097152 characters are too many"),
        ({**GOOD, "table": []}, "there are no rows"),
        ({**GOOD, "table": {}}, "there is no table of rows"),
        ({**GOOD, "table": [3]}, "table[0].row is not a kind of row"),
        ({**GOOD, "table": [{"row": ["conv"]}]}, "table[0].row is not a kind of row"),
        ({**GOOD, "more": 1}, "more: unknown key"),
        ({**GOOD, "num_classes": 0}, "to 0 classes"),
        ({**GOOD, "num_classes": True}, "num_classes: expected a whole number"),
        ({**GOOD, "input_shape": [1, 28]}, "from (1, 28)"),
        ({**GOOD, "input_shape": [1, 28, -28]}, "from (1, 28, -28)"),
        ({"table": []}, "version: is missing"),
        (with_rows(GOOD["table"][0]), "two rows have one name"),
        (first_row(turns=3), "table[0].turns: unknown key"),
        (first_row(channels="6"), "table[0].channels: expected a whole number"),
        (first_row(channels=None), "table[0].channels is null"),
        (first_row(turns=None), "table[0].turns is null"),
        (first_row(kernel=29), "a 5 x 5 kernel does not fit into 2 pixels"),
        (first_row(stride=0), "cannot become lenet5_modern"),
        (first_row(groups=0), "cannot become lenet5_modern"),
        (first_row(channels=10**30), "cannot become lenet5_modern"),
        (first_row(name="a.b"), "cannot become lenet5_modern"),
        (first_row(name="forward"), "cannot become lenet5_modern"),
        (first_row(name="spec"), "cannot become lenet5_modern"),
        (with_rows({"row": "dropout", "name": "d", "rate": 5.0}), "dropout rate"),
        (first_row(channels=10**9), "expected (1000000000,), found (6,)"),
        (first_row(name="other"), "4 tensors differ, first conv1.bias: expected nothing, found (6,)"),
    ],
)
def test_a_description_that_cannot_be_is_refused_in_one_line(path, described, line):
    net = create_model("lenet5_modern", seed=1)
    text = described if isinstance(described, str) else json.dumps(described)
    save_file(net.state_dict(), path, {"alexnet": text})
    with pytest.raises(UsageError) as caught:
        create_model("lenet5_modern", weights=path)
    assert str(caught.value).startswith(f"{path}: ") and line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_null_stands_for_none_only_where_there_is_one():
    """A row's None is written, since its default may be a number."""
    assert GOOD["table"][0]["std"] is None
    assert Blueprint.from_json(json.dumps(first_row(std=0.5))).table[0].std == 0.5


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / "net.safetensors"
    spec = replace(small(NETWORKS["cifar10_18pct"], 16), input_shape=(3, 8, 8))
    net = Network(spec, 3)
    initialize(net, net.table, Key.from_seed(0))
    save_weights(net, path)
    return path, path.read_bytes()


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_read_or_refused_in_one_line(damaged, data):
    path, whole = damaged
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, min(len(content), 4200)))
        if data.draw(st.booleans()):
            old = content[place : place + 1]
            new = data.draw(st.sampled_from([b"9", b'"', b"n", b"}", b" ", b"\xff", b"0", b"-"]))
            content[place : place + len(old)] = new
        else:
            del content[place : place + data.draw(st.sampled_from([1, 10**6]))]
    path.write_bytes(content)
    try:
        create_model("cifar10_18pct", weights=path)
    except UsageError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
