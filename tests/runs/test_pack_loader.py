"""Batches for training loops of one's own: the bits of `alexnet train`, in order, without its loop."""

import numpy as np
import pytest
import torch
from small_runs import draw_pictures
from torch import nn

import alexnet
from alexnet.core.errors import RecipeError, UsageError
from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.read import Pack
from alexnet.data.pack.write import pack_source
from alexnet.data.sources.folder import open_folder
from alexnet.views.config import ViewConfig


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loader")
    pictures = draw_pictures(folder / "pictures", ("a", "b", "c"), count=14, side=24)
    return Pack.open(pack_source(open_folder(pictures), folder / "pack", PackSettings(size=24), workers=1))


def test_passes_see_every_picture_once_in_new_orders_with_the_same_bits_for_any_workers(pack):
    view = {"crop": 20, "mean": "channel"}
    loaders = [alexnet.PackLoader(pack, batch_size=8, view=view, seed=3, workers=w) for w in (1, 3)]
    assert loaders[0].class_names == ("a", "b", "c") and len(loaders[0]) == -(-len(pack.split("train")) // 8)
    passes = [[list(loader), list(loader)] for loader in loaders]
    for one, other in zip(passes[0][0] + passes[0][1], passes[1][0] + passes[1][1], strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    first, second = (torch.cat([labels for _, labels in seen]) for seen in passes[0])
    assert sorted(first.tolist()) == sorted(pack.split("train").labels.tolist()) and not torch.equal(
        first, second
    )
    inputs, labels = passes[0][0][0]
    assert inputs.shape == (8, 3, 20, 20) and inputs.dtype == torch.float32 and labels.dtype == torch.int64
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    loaders[0].epoch = 1
    assert torch.equal(next(iter(loaders[0]))[0], passes[0][1][0][0]) and loaders[0].epoch == 2


def test_other_splits_come_as_they_are(pack):
    loader = alexnet.PackLoader(pack, "val", view=ViewConfig(crop=22, mean="none"))
    assert not loader.train
    pixels = torch.cat([inputs for inputs, _ in loader])
    expected = pack.split("val").read(np.arange(len(pixels)))[:, 1:23, 1:23].transpose(0, 3, 1, 2)
    assert torch.equal(pixels, torch.from_numpy(expected.astype(np.float32)))
    assert torch.equal(
        torch.cat([labels for _, labels in loader]), torch.from_numpy(pack.split("val").labels).long()
    )


def test_a_network_of_ones_own_learns_from_it(pack):
    torch.manual_seed(0)
    net = nn.Sequential(nn.AvgPool2d(6), nn.Flatten(), nn.Linear(48, 3))
    optimizer, loader = torch.optim.SGD(net.parameters(), 0.01), alexnet.PackLoader(pack, view={"scale": 0.02})
    for _ in range(60):
        for inputs, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs), labels).backward()
            optimizer.step()
    net.eval()
    (inputs, labels), *_ = alexnet.PackLoader(pack, "val", view={"scale": 0.02})
    assert (net(inputs).argmax(1) == labels).all()


def test_mistakes_are_named(pack, tmp_path):
    with pytest.raises(UsageError, match="has no split 'test'"):
        alexnet.PackLoader(pack, "test")
    with pytest.raises(UsageError, match="a crop of 30 pixels does not fit into pictures of 24"):
        alexnet.PackLoader(pack, view={"crop": 30})
    with pytest.raises(RecipeError, match=r"view.mirrors: unknown key; did you mean 'view.mirror'"):
        alexnet.PackLoader(pack, view={"mirrors": True})
