"""Networks written to safetensors with their description, and built again from it."""

from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import alexnet
from alexnet.checkpoint.store import CheckpointStore
from alexnet.config.load import to_table
from alexnet.core.errors import CheckpointError, StorageError, UsageError
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.create import create_model
from alexnet.nets.edits import Change, Insert, Remove
from alexnet.nets.network import Network
from alexnet.nets.rows import Dropout
from alexnet.nets.weights import load_weights, save_weights
from nets.small_networks import small

EDITS = [
    Remove(row="norm2"),
    Change(row="norm1", fields={"alpha": 0.5}),
    Change(row="conv3", fields={"channels": 16}),
    Insert(after="pool3", row={"kind": "dropout", "name": "drop3", "rate": 0.25}),
]


def drawn(net, seed=0):
    """The network with every parameter and buffer filled, so that one that is lost is seen."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in net.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
        else:
            tensor.fill_(7)
    return net.eval()


def same(first, second):
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize(
    "name", ["cifar10_18pct", "cifar10_13pct", "lenet1", "lenet5", "lenet5_modern", "alexnet_bn"]
)
def test_a_saved_network_comes_back_with_every_bit(monkeypatch, path, name):
    if name == "alexnet_bn":
        monkeypatch.setitem(NETWORKS, name, small(NETWORKS[name], 16))
    net = drawn(create_model(name, seed=1))
    alexnet.save_weights(net, path)
    again = alexnet.create_model(name, weights=path).eval()
    assert same(net, again) and again.table == net.table
    x = torch.rand(2, *net.input_shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net(x), again(x))


def test_an_edited_network_comes_back_edited(path):
    net = drawn(create_model("cifar10_18pct", 7, seed=1, edits=EDITS))
    save_weights(net, path)
    again = create_model("cifar10_18pct", weights=path)
    assert again.table == net.table and again.num_classes == 7
    assert Dropout("drop3", rate=0.25) in again.table and again.norm1.row.alpha == 0.5
    assert same(net, again)


def test_edits_that_are_given_count_instead_of_the_stored_ones(path):
    net = drawn(create_model("cifar10_18pct", seed=1, edits=EDITS))
    save_weights(net, path)
    again = create_model("cifar10_18pct", weights=path, edits=[EDITS[2]])
    assert again.norm1.row.alpha != 0.5 and hasattr(again, "norm2") and same(net, again)
    with pytest.raises(UsageError, match=r"first conv3\.bias: expected \(64,\), found \(16,\)"):
        create_model("cifar10_18pct", weights=path, edits=EDITS[:1])


def test_a_network_of_another_input_comes_back(path):
    spec = replace(NETWORKS["cifar10_18pct"], input_shape=(1, 28, 28))
    net = drawn(Network(spec, 5))
    save_weights(net, path)
    again = create_model("cifar10_18pct", weights=path)
    assert again.input_shape == (1, 28, 28) and same(net, again)


@pytest.mark.parametrize("name", ["cifar10_18pct", "lenet5", "lenet5_modern"])
def test_other_classes_start_the_last_layer_anew(path, name):
    net = drawn(create_model(name, 9, seed=1))
    save_weights(net, path)
    again, fresh = create_model(name, 4, weights=path, seed=8), create_model(name, 4, seed=8)
    last = f"{net.classifier_name}."
    assert again.num_classes == 4
    for part, tensor in again.state_dict().items():
        assert torch.equal(tensor, (fresh if part.startswith(last) else net).state_dict()[part]), part


def test_the_first_values_of_a_new_last_layer_are_the_stored_rows(path):
    edits = [Change(row="fc10", fields={"std": 5.0})]
    save_weights(drawn(create_model("cifar10_18pct", seed=1, edits=edits)), path)
    assert create_model("cifar10_18pct", 400, weights=path, seed=2).fc10.weight.std() > 4


def test_weights_without_a_description_are_read_by_their_shapes(path):
    net = drawn(create_model("lenet5_modern", 4, seed=1))
    save_file(net.state_dict(), path)
    assert same(net, create_model("lenet5_modern", weights=path))


def test_weights_of_another_network_are_refused_though_their_shapes_fit(path):
    save_weights(create_model("cifar10_18pct", seed=1), path)
    with pytest.raises(UsageError) as caught:
        create_model("cifar10_19pct", weights=path)
    assert str(caught.value) == (
        f"{path}: holds the weights of cifar10_18pct, not of cifar10_19pct; "
        'create_model("cifar10_18pct", weights=...)'
    )


def test_a_file_is_plain_safetensors(path):
    net = create_model("lenet5_modern", seed=1).to(memory_format=torch.channels_last)
    save_weights(net, path)
    stored = load_file(path)
    assert all(torch.equal(stored[name], tensor) for name, tensor in net.state_dict().items())
    with safe_open(path, "pt") as file:
        assert sorted(file.metadata()) == ["alexnet", "format"]


def test_another_precision_is_read(path):
    net = drawn(create_model("lenet5_modern", seed=1)).bfloat16()
    save_weights(net, path)
    assert load_file(path)["conv1.weight"].dtype == torch.bfloat16
    assert same(net.float(), create_model("lenet5_modern", weights=path))


def test_numbers_of_another_kind_are_refused(path):
    state = create_model("lenet5_modern", seed=1).state_dict()
    save_file({**state, "conv1.bias": torch.ones(6, dtype=torch.int32)}, path)
    with pytest.raises(UsageError, match=r"first conv1\.bias: expected \(6,\), found \(6,\) of int32"):
        create_model("lenet5_modern", weights=path)


def test_a_file_is_replaced_while_its_old_weights_are_in_use(path):
    first, second = (drawn(create_model("lenet5_modern", seed=s), s) for s in (1, 2))
    save_weights(first, path)
    in_use = create_model("lenet5_modern", weights=path)
    save_weights(second, path)
    assert same(in_use, first) and same(create_model("lenet5_modern", weights=path), second)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StorageError, match="the folder does not exist; create it first"):
        save_weights(create_model("lenet5_modern", seed=1), tmp_path / "no" / "net.safetensors")


def test_weights_are_loaded_into_a_network_that_exists(path):
    net, other = (drawn(create_model("lenet5_modern", seed=1), seed) for seed in (1, 2))
    save_weights(net, path)
    load_weights(other, path)
    assert same(net, other)
    with pytest.raises(UsageError, match=r"2 tensors differ, first fc5\.bias"):
        load_weights(create_model("lenet5_modern", 4, seed=1), path)
    with pytest.raises(UsageError, match="of lenet5_modern, not of cifar10_18pct"):
        load_weights(create_model("cifar10_18pct", seed=1), path)


# --- checkpoints


def checkpoint(folder, step, net, **config):
    config = {"architecture": net.spec.name, "num_classes": net.num_classes, "edits": [], **config}
    store = CheckpointStore(folder)
    return store.save(step, model=net.state_dict(), velocity={}, state={}, config=config)


def test_a_checkpoint_and_a_run_give_their_weights(tmp_path):
    old, new = (drawn(create_model("cifar10_18pct", 7, seed=1, edits=EDITS), s) for s in (1, 2))
    first = checkpoint(tmp_path / "checkpoints", 9, old, edits=to_table(EDITS))
    checkpoint(tmp_path / "checkpoints", 12, new, edits=to_table(EDITS))
    for place, net in ((first, old), (first / "model.safetensors", old), (tmp_path, new)):
        again = create_model("cifar10_18pct", weights=place)
        assert same(again, net) and again.table == net.table
    with pytest.raises(UsageError, match="of cifar10_18pct, not of cifar10_19pct"):
        create_model("cifar10_19pct", weights=tmp_path)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    folder = checkpoint(tmp_path, 9, create_model("lenet5_modern", seed=1))
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match="is damaged"):
        create_model("lenet5_modern", weights=folder)


@pytest.mark.parametrize(
    "config", [{"architecture": "nothing"}, {"edits": [{"kind": "remove", "row": "x"}]}, {"num_classes": "7"}]
)
def test_a_checkpoint_that_describes_no_network_is_refused(tmp_path, config):
    folder = checkpoint(tmp_path, 9, create_model("lenet5_modern", seed=1), **config)
    with pytest.raises(UsageError, match=r"config\.json: does not describe a network \("):
        create_model("lenet5_modern", weights=folder)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        create_model("lenet5_modern", weights=tmp_path)
    assert str(caught.value) == f"{tmp_path}: is neither a run with a checkpoint nor a checkpoint"
