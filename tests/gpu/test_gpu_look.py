"""Held-out images whose views are made on the device: the numbers of views that are made on the host."""

import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from alexnet.bench.random_source import pack_random
from alexnet.core.errors import StoppedError
from alexnet.core.keys import Key
from alexnet.data.pack.records import PackSplit
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.evaluate import Passes, evaluate
from alexnet.evaluation.input import InputSpec
from alexnet.gpu.available import available
from alexnet.gpu.resident import Held, HeldImages, load_resident
from alexnet.gpu.view import fixed_view
from alexnet.nets.create import create_model
from alexnet.nets.initialize import initialize
from alexnet.runs import look
from alexnet.runs.assemble import assemble
from alexnet.runs.loader import Loader
from alexnet.runs.look import Look
from alexnet.runs.recipe import load_recipe
from alexnet.views.fixed_views import fixed_views, view_places
from alexnet.views.train_view import with_border
from training import tiny_run

pytestmark = pytest.mark.usefixtures("kernels")


def pictures(count=5, side=(13, 11), channels=3):
    return np.random.default_rng(count).integers(0, 256, (count, *side, channels), np.uint8)


def held(images, device, *, planes=False):
    """All pictures on the device, in the order 3, 0, 4, 1, 2 of their rows."""
    order = np.array([3, 0, 4, 1, 2])
    resident = load_resident([images[order]], 5, images.shape[1:], device, planes=planes)
    return HeldImages(resident, np.argsort(order), np.arange(5))


@pytest.mark.parametrize(("count", "border", "channels"), [(1, 0, 3), (5, 2, 1), (9, 1, 3), (10, 0, 3)])
def test_views_on_the_device_have_the_bits_of_the_hosts(device, count, border, channels):
    images, crop = pictures(channels=channels), 8
    mean = np.random.default_rng(1).uniform(0, 255, (crop, crop, channels)).astype(np.float32)
    bordered = with_border(images, border)
    for place in view_places(count, *bordered.shape[1:3], crop):
        expected = fixed_views(bordered, [place], mean, 0.37)
        for some in (Held.of(images, device), held(images, device).read(np.arange(5))):
            got = fixed_view(some, place, torch.from_numpy(mean).to(device), scale=0.37, border=border)
            assert torch.equal(got.cpu(), expected)
            assert got.is_contiguous(memory_format=torch.channels_last) and got.dtype == torch.float32


def test_pictures_that_are_not_held_are_refused(device):
    some = replace(held(pictures(), device), row_of=np.array([0, -1, 2]))
    assert some.read(np.array([2, 0, 2])).rows.tolist() == [2, 0, 2]
    with pytest.raises(IndexError, match="picture 1 is not held"):
        some.read(np.array([0, 1]))


def classifier(device, pad=1):
    images = tiny_run.images()
    net = tiny_run.learner().net.to(device).train()
    mean = images.pixels.mean((0, 1, 2), keepdims=True)[0].repeat(8, 0).repeat(8, 1).astype(np.float32)
    spec = InputSpec(
        size=12, crop=8, channels=3, filter="bilinear", exif_rotate=True, scale=0.5, mean=mean, pad=pad
    )
    return ViewClassifier(net, spec, list("abcd"), list("abcd"), device), images


@pytest.mark.parametrize("num_views", [1, 10])
def test_a_classifier_takes_pictures_on_its_device(device, num_views):
    own, images = classifier(device)
    expected = own.probabilities(images.pixels[:5], num_views)
    got = own.probabilities(Held.of(images.pixels[:5], device), num_views)
    assert got.device.type == "cpu" and torch.equal(got, expected) and own.net.training


@dataclass
class Seen(tiny_run.MemoryImages):
    """Notes the portions that are read."""

    def __post_init__(self):
        self.portions = []

    def read(self, indices, out=None):
        self.portions.append(list(indices))
        return super().read(indices, out)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_evaluation_is_the_same_however_its_pictures_come(device, threads):
    own, images = classifier(device)
    indices, options = np.array([7, 3, 30, 12, 9]), {"num_views": 1, "batch_size": 2}
    expected = evaluate([own], images, indices, **options)
    streamed, steps = Seen(**vars(images)), []
    loader = Loader((12, 12, 3), device, threads)
    got = [
        evaluate(
            [own],
            streamed,
            indices,
            passes=Passes(Look(loader).read),
            progress=lambda *s: steps.append(s),
            **options,
        ),
        evaluate(
            [own],
            loader.hold(images, indices, name="some", reserve=0),
            indices,
            passes=Passes(Look(loader).read),
            **options,
        ),
    ]
    for found in got:
        assert np.array_equal(found.confusion, expected.confusion) and found.loss == expected.loss
        assert np.array_equal(found.top5_errors, expected.top5_errors)
    assert sorted(streamed.portions) == [[7, 3], [9, 9], [30, 12]] and [done for done, _ in steps] == [2, 4, 5]


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return pack_random(tmp_path_factory.mktemp("pack") / "pack", 24, 32, 10)


def parts(pack, device, *changes):
    own = ["train.precision=float32", "data.holdout=4", "data.select_on=holdout", "schedule.kind=constant"]
    made = assemble(load_recipe("cifar10-19pct", [*own, *changes]), pack, device)
    initialize(made.learner.net, made.learner.net.table, Key.from_seed(3).derive("init"))
    return made


@pytest.mark.parametrize("resident", ["no", "rgb", "yuv"])
def test_a_run_looks_at_held_out_images_as_a_plain_one_does(pack, device, monkeypatch, resident):
    for name in ("_BATCH", "_DEVICE_BATCH"):
        monkeypatch.setattr(look, name, 4)
    plain, steps = parts(pack, device), []
    expected = plain.validate(lambda *s: None)
    fast = parts(pack, device, "train.step=graphed", f"data.resident={resident}")
    if resident == "rgb":
        monkeypatch.setattr(PackSplit, "read", None)
    assert fast.validate(lambda *s: steps.append(s)) == expected
    assert len(expected) == 1 and expected[0].count == 4 and len(steps) == 1
    assert plain.look == Look() and fast.look.loader is not None


def test_an_evaluation_that_is_left_ends_its_threads(device):
    def leave(done, error):
        raise StoppedError("by a signal")

    own, images = classifier(device)
    look_ = Look(Loader((12, 12, 3), device, 2))
    with pytest.raises(StoppedError):
        evaluate(
            [own], images, np.arange(36), num_views=1, batch_size=2, passes=Passes(look_.read), progress=leave
        )
    assert not any(t.name.startswith("alexnet-load") for t in threading.enumerate())


@pytest.mark.gpu
def test_validation_of_the_papers_network_keeps_its_numbers(cuda):
    """bfloat16, 1000 classes: the same inputs, so the same probabilities to the bit."""
    assert available(cuda)
    images = np.random.default_rng(0).integers(0, 256, (64, 256, 256, 3), np.uint8)
    net = create_model("alexnet", 1000, seed=0).to(cuda, memory_format=torch.channels_last)
    mean = np.full((224, 224, 3), 117.0, np.float32)
    spec = InputSpec(size=256, crop=224, channels=3, filter="bilinear", exif_rotate=True, scale=1.0, mean=mean)
    own = ViewClassifier(net, spec, range(1000), range(1000), cuda, bfloat16=True)
    assert torch.equal(own.probabilities(Held.of(images, cuda)), own.probabilities(images))
