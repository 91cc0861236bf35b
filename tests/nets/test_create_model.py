"""Building networks by name: options, stored weights, and answers to mistakes."""

import pytest
import torch
from safetensors.torch import save_file

from alexnet.core.errors import UsageError
from alexnet.nets.catalog import NETWORKS, list_models
from alexnet.nets.create import create_model


def weights_of(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first.keys() | second.keys())


# --- names and options


def test_models_are_listed_in_order():
    assert list_models() == sorted(NETWORKS)
    assert list_models("lenet*") == [name for name in sorted(NETWORKS) if name.startswith("lenet")] != []
    assert {"alexnet", "alexnet_145", "cifar10_18pct", "lenet5_modern"} <= set(list_models())


@pytest.mark.parametrize("name", ["lenet5-modern", "LeNet5_Modern", "lenet5_modern"])
def test_hyphens_and_capitals_are_accepted(name):
    assert create_model(name, seed=0).spec.name == "lenet5_modern"


@pytest.mark.parametrize(("name", "nearest"), [("alexnt", "alexnet"), ("cifar10-18", "cifar10_18pct")])
def test_an_unknown_name_is_answered_with_the_nearest(name, nearest):
    with pytest.raises(UsageError) as caught:
        create_model(name)
    assert str(caught.value) == f"there is no network {name!r}; did you mean {nearest!r}?"


def test_an_unknown_initialization_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="no initialization 'config-145'; did you mean 'config145'"):
        create_model("alexnet", init="config-145")


@pytest.mark.parametrize("init", ["caffe", "config145", "paper", "quick"])
def test_alexnets_initializations_are_refused_for_other_networks(init):
    with pytest.raises(UsageError, match=f"initialization '{init}' is AlexNet's"):
        create_model("lenet5_modern", init=init)


def test_the_number_of_classes_can_be_chosen():
    assert create_model("lenet5_modern", num_classes=7, seed=0).fc5.out_features == 7
    assert create_model("lenet5_modern", seed=0).fc5.out_features == 10


@pytest.mark.parametrize("count", [0, -1])
def test_no_classes_at_all_is_refused(count):
    with pytest.raises(UsageError, match=f"{count} classes"):
        create_model("lenet5_modern", num_classes=count)


# --- stored weights


@pytest.fixture
def stored(tmp_path):
    net = create_model("lenet5_modern", seed=11)
    save_file(weights_of(net), tmp_path / "model.safetensors")
    return net, tmp_path / "model.safetensors"


@pytest.mark.parametrize("as_text", [False, True])
def test_stored_weights_come_back(stored, as_text):
    net, path = stored
    loaded = create_model("lenet5-modern", weights=str(path) if as_text else path)
    assert same(weights_of(net), weights_of(loaded))
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net(x), loaded(x))


def refusal(path, **options):
    with pytest.raises(UsageError) as caught:
        create_model("lenet5_modern", weights=path, **options)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    return line


def test_other_classes_than_the_stored_start_the_last_layer_anew(stored):
    net, path = stored
    loaded, fresh = create_model("lenet5_modern", 7, path, seed=4), create_model("lenet5_modern", 7, seed=4)
    ours, theirs = weights_of(loaded), weights_of(net)
    last = {name: tensor for name, tensor in weights_of(fresh).items() if name.startswith("fc5.")}
    assert same(ours, {**theirs, **last})


def test_the_stored_number_of_classes_is_the_default(tmp_path):
    path = tmp_path / "seven.safetensors"
    save_file(weights_of(create_model("lenet5_modern", 7, seed=4)), path)
    assert create_model("lenet5_modern", weights=path).num_classes == 7


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file(weights_of(create_model("cifar10_18pct", seed=0)), path)
    assert "does not hold the weights of lenet5_modern" in refusal(path)


def test_missing_and_unknown_tensors_are_refused(stored, tmp_path):
    weights = weights_of(stored[0])
    path = tmp_path / "partial.safetensors"
    save_file({n: t for n, t in weights.items() if n != "conv2.bias"}, path)
    assert refusal(path).endswith("first conv2.bias: expected (16,), found nothing")
    save_file({**weights, "extra": torch.zeros(2)}, path)
    assert refusal(path).endswith("first extra: expected nothing, found (2,)")


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_a_file_that_is_not_safetensors_is_refused(stored, damage):
    path = stored[1]
    data = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"not tensors at all", "cut": data[:-10]}[damage])
    assert "cannot be read as safetensors" in refusal(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert refusal(tmp_path / "none.safetensors").endswith("there is no such file")
