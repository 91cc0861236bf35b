"""torchvision's `alexnet`, written out from its published definition, beside `alexnet_owt`."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from alexnet.core.errors import UsageError
from alexnet.nets.alexnet import ALEXNET
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.create import create_model
from alexnet.nets.edits import Remove
from alexnet.nets.interchange.torchvision import from_torchvision, to_torchvision
from alexnet.nets.network import Network
from nets.small_networks import small

KEYS = [
    f"{layer}.{part}"
    for layer in (*(f"features.{n}" for n in (0, 3, 6, 8, 10)), *(f"classifier.{n}" for n in (1, 4, 6)))
    for part in ("weight", "bias")
]


class Theirs(nn.Module):
    """torchvision/models/alexnet.py, its widths divided."""

    def __init__(self, num_classes=1000, divisor=1):
        super().__init__()
        a, b, c, d, units = (n // divisor for n in (64, 192, 384, 256, 4096))
        self.features = nn.Sequential(
            *(nn.Conv2d(3, a, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(b, c, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(c, d, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(d, d, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            *(nn.Dropout(), nn.Linear(d * 36, units), nn.ReLU()),
            *(nn.Dropout(), nn.Linear(units, units), nn.ReLU()),
            nn.Linear(units, num_classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def theirs(divisor=16, num_classes=10):
    torch.manual_seed(5)
    return Theirs(num_classes, divisor).eval()


@pytest.fixture
def scaled(monkeypatch):
    monkeypatch.setitem(NETWORKS, "alexnet_owt", small(NETWORKS["alexnet_owt"], 16))


def compare(ours, net, sizes):
    for size in sizes:
        x = torch.randn(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(size))
        expected = net(x)
        assert expected.std() > 1e-3
        torch.testing.assert_close(ours(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "old.pt"])
def test_the_logits_are_theirs(scaled, tmp_path, suffix):
    """Pictures of 223 to 254 pixels leave 6 x 6 places, so that their last pooling changes nothing."""
    net, path = theirs(), tmp_path / f"alexnet.{suffix}"
    if suffix == "safetensors":
        save_file(net.state_dict(), path)
    else:
        torch.save(net.state_dict(), path, _use_new_zipfile_serialization=suffix == "pth")
    ours = create_model("alexnet_owt", weights=path).eval()
    assert ours.num_classes == 10
    compare(ours.double(), net.double(), (224, 223, 254))


def test_the_logits_of_the_full_network_are_theirs(tmp_path):
    net, path = theirs(1, 1000), tmp_path / "alexnet.pth"
    torch.save(net.state_dict(), path)
    compare(create_model("alexnet_owt", weights=path).double().eval(), net.double(), (224,))


def test_shapes_of_the_full_network_are_theirs():
    with torch.device("meta"):
        expected = Theirs().state_dict()
        ours = to_torchvision(Network(NETWORKS["alexnet_owt"], 1000))
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in expected.items()}
    assert sum(t.numel() for t in ours.values()) == 61_100_840


def test_there_and_back_no_bit_changes(scaled):
    ours = create_model("alexnet_owt", num_classes=10, seed=1)
    state = to_torchvision(ours)
    assert list(state) == KEYS
    net = theirs()
    net.load_state_dict(state)
    again = from_torchvision(net.state_dict())
    assert again.keys() == ours.state_dict().keys()
    assert all(torch.equal(again[name], tensor) for name, tensor in ours.state_dict().items())


def test_fine_tuning_starts_the_last_layer_anew(scaled, tmp_path):
    net, path = theirs(), tmp_path / "alexnet.safetensors"
    save_file(net.state_dict(), path)
    ours = create_model("alexnet_owt", num_classes=3, weights=path, seed=2)
    assert torch.equal(ours.fc7.weight, net.classifier[4].weight) and ours.num_classes == 3
    assert torch.equal(ours.fc8.weight, create_model("alexnet_owt", num_classes=3, seed=2).fc8.weight)


def test_another_network_is_refused_by_name(scaled, tmp_path):
    path = tmp_path / "alexnet.safetensors"
    save_file(theirs().state_dict(), path)
    with pytest.raises(UsageError) as caught:
        create_model("alexnet", weights=path)
    assert str(caught.value) == (
        f'{path}: holds the weights of alexnet_owt, not of alexnet; create_model("alexnet_owt", weights=...)'
    )


@pytest.mark.parametrize("how", ["lacks features.3.bias", "also holds features.1.weight"])
def test_a_network_much_like_it_is_refused(scaled, tmp_path, how):
    state = theirs().state_dict()
    if how.startswith("lacks"):
        del state["features.3.bias"]
    else:
        state["features.1.weight"] = torch.zeros(1)
    path = tmp_path / "alexnet.safetensors"
    save_file(state, path)
    with pytest.raises(UsageError) as caught:
        create_model("alexnet_owt", weights=path)
    assert str(caught.value) == f"{path}: is not torchvision's alexnet: it {how}"


def test_what_torchvision_cannot_compute_does_not_go_there(scaled):
    for net in (
        Network(small(ALEXNET, 16), 10),
        create_model("alexnet_owt", seed=0, edits=[Remove(row="relu5")]),
    ):
        with pytest.raises(UsageError, match="torchvision's alexnet does not compute what"):
            to_torchvision(net)
