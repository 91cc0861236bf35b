"""Layers that run in one pass: the same numbers as one by one, and never behind a user's back."""

import pytest
import torch
from torch import nn

import alexnet
from alexnet.nets import stages
from alexnet.nets.stages import run
from alexnet.ops import native

pytestmark = pytest.mark.skipif(
    not native.available(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)


@pytest.fixture
def passes(monkeypatch):
    """Counts the stages that ran in one pass."""
    seen = []
    original = stages.relu_lrn_pool

    def counting(x, **options):
        seen.append(options)
        return original(x, **options)

    monkeypatch.setattr(stages, "relu_lrn_pool", counting)
    return seen


def picture(net, count=2):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, *net.input_shape, generator=generator)
    return x.contiguous(memory_format=torch.channels_last)


def one_by_one(net, x):
    for layer in net:
        x = layer(x)
    return x


@pytest.mark.parametrize(
    ("name", "count"), [("alexnet", 3), ("caffenet", 5), ("cifar10_19pct", 3), ("cifar10_11pct", 3)]
)
def test_a_network_gives_the_numbers_of_its_layers(name, count, passes):
    net = alexnet.create_model(name).eval().to(memory_format=torch.channels_last)
    x = picture(net)
    with torch.no_grad():
        got = run(list(net), x)
        assert len(passes) == count
        torch.testing.assert_close(got, one_by_one(net, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("how", ["hook", "hook before", "another module", "return_indices", "padding"])
def test_what_a_user_hooks_or_replaces_is_called(how, passes):
    net = nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2))
    called = []
    if how == "hook":
        net[0].register_forward_hook(lambda *_: called.append(1))
        net[1].register_forward_hook(lambda *_: called.append(1))
    elif how == "hook before":
        net[1].register_forward_pre_hook(lambda *_: called.append(1))
    elif how == "another module":
        net[1] = nn.FractionalMaxPool2d(3, output_size=3)
    elif how == "return_indices":
        net[1] = nn.MaxPool2d(3, 2, return_indices=True)
    else:
        net[1] = nn.MaxPool2d(3, 2, padding=1)
    run(list(net), torch.randn(1, 4, 7, 7).contiguous(memory_format=torch.channels_last))
    assert not passes and (called or "hook" not in how)


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        ([nn.ReLU(), nn.MaxPool2d(3, 2)], 2),
        ([nn.MaxPool2d(3, 2), nn.ReLU()], 2),
        ([nn.AvgPool2d(3, 2), nn.ReLU()], 1),
        ([nn.MaxPool2d(3, 2), nn.ReLU(), nn.MaxPool2d(3, 2)], 2),
        ([nn.Tanh(), nn.MaxPool2d(3, 2)], 0),
        ([nn.ReLU(), nn.ReLU()], 1),
    ],
    ids=["relu pool", "pool relu", "average relu", "pool relu pool", "tanh", "relu relu"],
)
def test_only_what_commutes_is_taken_together(layers, count):
    assert stages.stage_at(layers, 0).layers == count
