"""A classifier's probabilities against views averaged by hand, and the description that travels with it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.core.errors import CheckpointError, UsageError
from alexnet.core.keys import Key
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.input import InputSpec
from alexnet.nets.initialize import initialize
from alexnet.nets.network import Network
from alexnet.nets.rows import Activation, Conv, Dropout, Linear, Pool
from alexnet.nets.tables import NetSpec

SIZE, CROP = 12, 8
SPEC = NetSpec(
    name="small",
    table=(
        Conv("conv1", 4, kernel=3, std=0.05),
        Activation("relu1"),
        Pool("pool1", 2, 2),
        Dropout("drop1"),
        Linear("fc2", None, std=0.05),
    ),
    input_shape=(3, CROP, CROP),
    num_classes=6,
    source="",
)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)
INPUT = InputSpec(
    size=SIZE,
    crop=CROP,
    channels=3,
    filter="bilinear",
    exif_rotate=True,
    scale=0.5,
    mean=np.random.default_rng(1).uniform(0, 255, (CROP, CROP, 3)).astype(np.float32),
)


def classifier(seed=0, **changes):
    net = Network(SPEC, 6)
    initialize(net, net.table, Key.from_seed(seed))
    names = [f"class {i}" for i in range(6)]
    return replace(ViewClassifier(net, INPUT, [f"c{i}" for i in range(6)], names), **changes)


def by_hand(net, images, places):
    """Average of the softmax over views, each cut, mirrored and centered by hand."""
    net.eval()
    total = 0
    with torch.no_grad():
        for top, left, mirrored in places:
            crop = images[:, top : top + CROP, left : left + CROP].astype(np.float32)
            crop = crop[:, :, ::-1] if mirrored else crop
            x = torch.from_numpy(((crop - INPUT.mean) * 0.5).transpose(0, 3, 1, 2).copy())
            total = total + net(x).double().softmax(1)
    return total / len(places)


FIVE = [(0, 0), (0, 4), (2, 2), (4, 0), (4, 4)]
PLACES = {
    1: [(2, 2, False)],
    5: [(*p, False) for p in FIVE],
    9: [(y, x, False) for y in (0, 2, 4) for x in (0, 2, 4)],
    10: [(*p, m) for m in (False, True) for p in FIVE],
}


@pytest.mark.parametrize("views", sorted(PLACES))
def test_probabilities_are_the_average_over_views(views):
    made = classifier()
    got = made.probabilities(IMAGES, views)
    assert got.shape == (5, 6) and got.dtype == torch.float32
    torch.testing.assert_close(got.double(), by_hand(made.net, IMAGES, PLACES[views]), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(got.sum(1), torch.ones(5))


def test_ten_views_are_not_the_average_of_logits():
    made = classifier()
    logits = torch.stack([by_hand(made.net, IMAGES, [place]).log() for place in PLACES[10]]).mean(0)
    assert not torch.allclose(logits.softmax(1), made.probabilities(IMAGES, 10).double(), atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_networks_mode_is_put_back(training):
    made = classifier()
    made.net.train(training)
    first = made.probabilities(IMAGES, 10)
    assert made.net.training == training
    assert torch.equal(made.probabilities(IMAGES, 10), first)


def test_pictures_do_not_influence_each_other():
    made = classifier()
    together = made.probabilities(IMAGES, 5)
    for i in range(5):
        torch.testing.assert_close(
            made.probabilities(IMAGES[i : i + 1], 5)[0], together[i], rtol=1e-5, atol=1e-7
        )


def test_probabilities_carry_no_gradient():
    assert not classifier().probabilities(IMAGES).requires_grad


def test_sixteen_bit_arithmetic_is_close_and_not_the_same():
    exact, rounded = classifier().probabilities(IMAGES, 10), classifier(bfloat16=True).probabilities(IMAGES, 10)
    assert rounded.dtype == torch.float32 and not torch.equal(exact, rounded)
    torch.testing.assert_close(exact, rounded, rtol=0.1, atol=0.02)


def test_pictures_without_room_for_the_views_are_refused():
    with pytest.raises(UsageError, match="10 views need pictures larger"):
        classifier().probabilities(IMAGES[:, :CROP, :CROP], 10)


# --- the description of the input


@given(
    crop=st.integers(1, 4),
    channels=st.sampled_from([1, 3]),
    scale=st.floats(-1e3, 1e3),
    seed=st.integers(0, 1000),
    exif=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_the_description_goes_through_json_bit_for_bit(crop, channels, scale, seed, exif):
    mean = np.random.default_rng(seed).normal(100, 50, (crop, crop, channels)).astype(np.float32)
    spec = InputSpec(
        size=9, crop=crop, channels=channels, filter="area", exif_rotate=exif, scale=scale, mean=mean
    )
    again = InputSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert np.array_equal(again.mean, mean) and again.mean.dtype == np.float32 and again.mean.flags.writeable
    assert {k: v for k, v in vars(again).items() if k != "mean"} == {
        k: v for k, v in vars(spec).items() if k != "mean"
    }


@pytest.mark.parametrize(
    "change",
    [
        {"mean": "AAAA"},
        {"mean": "?"},
        {"mean": 3},
        {"crop": 9},
        {"crop": "8"},
        {"unknown": 1},
        {"scale": None},
        {"crop": None},
    ],
)
def test_a_description_of_another_format_is_refused(change):
    values = {k: v for k, v in (INPUT.to_json() | change).items() if v is not None}
    with pytest.raises(CheckpointError, match="the input description is of another format"):
        InputSpec.from_json(values)


@pytest.mark.parametrize("values", [[], None, "text"])
def test_a_description_that_is_no_table_is_refused(values):
    with pytest.raises(CheckpointError, match="of another format"):
        InputSpec.from_json(values)


def test_pictures_in_bfloat16_mean_the_same_to_a_layer_that_rounds_them(monkeypatch):
    narrow = classifier(bfloat16=True)
    assert narrow.net.rounds_inputs
    given = []
    handle = narrow.net.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].dtype))
    probabilities = narrow.probabilities(IMAGES, 5)
    monkeypatch.setattr(Network, "rounds_inputs", False)
    assert torch.equal(probabilities, narrow.probabilities(IMAGES, 5))
    handle.remove()
    assert set(given[:5]) == {torch.bfloat16} and set(given[5:]) == {torch.float32}
