"""The peers that need nothing installed do the same work as ours."""

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.bench import ours
from alexnet.bench.peers import photographs, torch_infer, torch_train, views
from alexnet.bench.peers.torch_nets import SlicedNorm, build, stock_norm
from alexnet.bench.photographs import find_photographs
from alexnet.bench.pixels import random_labels, random_pictures
from alexnet.bench.task import Task
from alexnet.core.errors import DataError
from alexnet.data.decode import decode
from alexnet.nets.catalog import find_network
from alexnet.nets.network import Network

NETS = ("alexnet", "alexnet_owt", "cifar10_19pct")


@pytest.mark.parametrize("name", NETS)
def test_their_networks_have_our_parameters(name):
    with torch.device("meta"):
        theirs = build(name)
        mine = Network(find_network(name), find_network(name).num_classes)
    assert [p.numel() for p in theirs.parameters()] == [p.numel() for p in mine.parameters()]
    shape = find_network(name).input_shape
    assert theirs(torch.empty(2, *shape, device="meta")).shape == (2, mine.num_classes)


def test_normalization_in_slices_is_torchs_own():
    x = torch.linspace(-300, 300, 2 * 96 * 9).sin().mul(200).view(2, 96, 3, 3).double().requires_grad_()
    for function in (lambda y: y, torch.sum):
        expected, found = function(stock_norm()(x)), function(SlicedNorm()(x))
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    grads = [torch.autograd.grad(norm(x).square().sum(), x)[0] for norm in (stock_norm(), SlicedNorm())]
    torch.testing.assert_close(*grads, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("variant", ["eager", "tuned"])
def test_torch_trains_every_weight(variant, monkeypatch):
    monkeypatch.setattr(torch_train, "CIFAR_COUNT", 256)
    with torch.random.fork_rng():
        torch.manual_seed(0)  # of weights and order: a few of all draws begin with a loss far from ln(10)
        work = getattr(torch_train, variant)(Task(work="train", net="cifar10_19pct", batch=16))
        work.run(3)
    found = work.check()
    assert 1.5 < found["loss"] < 10 and found["smallest_gradient"] > 0


@pytest.mark.parametrize("variant", ["eager", "tuned"])
def test_torch_gives_probabilities(variant, monkeypatch):
    def small(name: str, norm: type[nn.Module] = nn.Identity) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 11, stride=32), norm(), nn.Flatten(), nn.Linear(8 * 49, 10))

    monkeypatch.setattr(torch_infer, "build", small)
    work = getattr(torch_infer, variant)(Task(work="infer", batch=2))
    work.run(1)
    assert work.check()["sum"] == pytest.approx(1)


@pytest.mark.parametrize("variant", ["torch_loop", "numpy_loop"])
def test_views_are_random_pixels_less_their_mean(variant, monkeypatch):
    monkeypatch.setattr(views, "COUNT", 4)
    work = getattr(views, variant)(Task(work="view", batch=8))
    work.run(2)
    assert abs(work.check()["mean"]) < 5


def test_packing_peers_give_our_pictures(tmp_path):
    folder = find_photographs(None, tmp_path / "photographs", count=2)
    task = Task(work="pack", photographs=str(folder))
    files = photographs.read_photographs(task)
    assert [decode(data).pixels.shape for data in files] == [(375, 500, 3)] * 2
    assert all(50_000 < len(data) < 250_000 for data in files)
    means = {}
    for work in (ours.pack(task), photographs.pillow(task), photographs.simplejpeg(task)):
        work.run(1)
        assert work.images == 2
        means[work.configuration] = work.check()["mean"]
    assert max(means.values()) - min(means.values()) < 0.05


@pytest.mark.parametrize("peer", [photographs.opencv, photographs.opencv_alone])
def test_opencv_gives_our_pictures(peer, tmp_path):
    pytest.importorskip("cv2", reason="NO OPENCV: its packing is not tried; pip install opencv-python-headless")
    folder = find_photographs(None, tmp_path / "photographs", count=1)
    task = Task(work="pack", photographs=str(folder))
    found = []
    for work in (ours.pack(task), peer(task)):
        work.run(1)
        found.append(work.check()["mean"])
    assert abs(found[0] - found[1]) < 0.1


def test_processes_share_photographs_without_loss_or_repetition(tmp_path):
    folder = find_photographs(None, tmp_path / "photographs", count=2, processes=5)
    whole = photographs.read_photographs(Task(work="pack", photographs=str(folder)))
    shares = [
        photographs.read_photographs(Task(work="pack", photographs=str(folder), processes=5, share=share))
        for share in range(5)
    ]
    assert all(shares) and len(whole) == 5
    assert sorted(data for share in shares for data in share) == sorted(whole)


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no JPEG files"):
        find_photographs(tmp_path, tmp_path / "unused")
    (tmp_path / "one.JPG").touch()
    with pytest.raises(DataError, match="holds 1 JPEG files for 2 processes"):
        find_photographs(tmp_path, tmp_path / "unused", processes=2)


def test_random_pixels_are_the_same_everywhere():
    pictures = random_pictures(8, 16)
    assert pictures.shape == (8, 16, 16, 3) and (pictures == random_pictures(9, 16)[:8]).all()
    assert 120 < pictures.mean() < 135
    labels = random_labels(1000, 10)
    assert labels.dtype == np.int64 and set(labels.tolist()) == set(range(10))
