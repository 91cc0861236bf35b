"""Where pictures lie in a pack's files, for those who read them there."""

import os

import numpy as np
import pytest
import torch
from small_packs import TRAIN, VAL, make_pack

from alexnet.core.errors import DataError
from alexnet.core.keys import Key
from alexnet.data.pack import descriptors, records
from alexnet.data.pack.read import Pack
from alexnet.ops import native
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Feed
from alexnet.views.config import ViewConfig
from alexnet.views.plan import Picture

if not hasattr(os, "pread"):
    pytest.skip("the system reads at no offset", allow_module_level=True)


@pytest.fixture
def folder(tmp_path):
    """A raw pack of five shards."""
    return make_pack(tmp_path / "raw")


def bytes_at(split, indices):
    """What lies in the places, in the order of the indices."""
    found = {}
    for part, places in split.places(indices):
        pairs = zip(places.descriptors.tolist(), places.offsets.tolist(), strict=True)
        numbers = range(*part.indices(len(indices)))
        found |= {n: os.pread(file, 192, offset) for n, (file, offset) in zip(numbers, pairs, strict=True)}
    return [found[n] for n in range(len(indices))]


@pytest.mark.parametrize("limit", [1, 3, 64])
def test_the_pictures_lie_in_their_places(folder, monkeypatch, limit):
    monkeypatch.setattr(descriptors, "granted", lambda count: limit)
    order = Key.from_seed(0).permutation(0, 40)
    indices = np.concatenate([order, order[:5]])
    with Pack.open(folder) as pack:
        train = pack.split("train")
        train.read(indices)
        assert bytes_at(train, indices) == [TRAIN[i].tobytes() for i in indices]
        assert len(train._descriptors) <= limit
        assert list(train.places([])) == []


def test_only_pictures_that_were_compared_with_their_checksums_have_places(folder):
    with Pack.open(folder) as pack:
        train = pack.split("train")
        assert not train.has_places([3])
        train.read([3, 7])
        assert train.has_places([7, 3, 3]) and not train.has_places([3, 4])
        assert len(list(pack.damage())) == 0
        assert train.has_places(range(40))
        with pytest.raises(IndexError, match="40 asked of 40"):
            train.has_places([40])
        with pytest.raises(IndexError, match="-1 to 2 asked of 40"):
            next(train.places([2, -1]))


def test_jpeg_pictures_and_systems_that_must_seek_have_no_places(folder, tmp_path, monkeypatch):
    with Pack.open(make_pack(tmp_path / "jpeg", "jpeg")) as pack:
        pack.split("val").read(range(7))
        assert not pack.split("val").has_places([0])
    monkeypatch.setattr(records, "CAN_READ_AT", False)
    with Pack.open(folder) as pack:
        np.testing.assert_array_equal(pack.split("val").read(range(7)), VAL)
        assert not pack.split("val").has_places([0])


def feed_of(pack):
    picture = Picture(
        shape=pack.shape,
        mean_image=pack.mean_image,
        eigenvalues=np.array([900.0, 90, 9]),
        eigenvectors=np.eye(3),
    )
    view = ViewConfig(crop=7, pad=1, color_noise="code2012")
    config = TrainConfig(batch_size=16, workers=2)
    return Feed(pack.split("train"), np.arange(40), view, picture, Key.from_seed(0), config)


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_batches_are_the_same_bits_before_and_after_the_checksums(tmp_path, monkeypatch, encoding):
    with Pack.open(make_pack(tmp_path / encoding, encoding)) as pack:
        feed = feed_of(pack)
        first, again = list(feed.batches(0)), list(feed.batches(0))
        assert pack.split("train").has_places(range(40)) == (encoding == "raw")
        monkeypatch.setattr(native, "available", lambda: False)
        plain = list(feed.batches(0))
    for a, b, c in zip(first, again, plain, strict=True):
        assert torch.equal(a.inputs, b.inputs) and torch.equal(a.inputs, c.inputs)


def test_a_shard_cut_during_training_is_named(folder):
    with Pack.open(folder) as pack:
        feed = feed_of(pack)
        list(feed.batches(0))
        os.truncate(folder / "train-00002.shard", 4096 + 3 * 192 + 10)
        with pytest.raises(DataError, match=r"train-00002\.shard: record [3-7] \(.*\) is cut"):
            list(feed.batches(1))


def test_a_shard_removed_during_training_is_named(folder):
    with Pack.open(folder) as pack:
        feed = feed_of(pack)
        list(feed.batches(0))
        pack.close()
        (folder / "train-00002.shard").unlink()
        with pytest.raises(DataError, match=r"train-00002\.shard: cannot be opened"):
            list(feed.batches(1))
