"""What is seen inside a network, where the answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_networks import built, of_rows, tiny

from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.input import InputSpec
from alexnet.inside.activations import layer_maps, most_active, network_input
from alexnet.inside.inhibition import hermann_grid, inhibitions
from alexnet.inside.mistakes import Guesses
from alexnet.inside.saliency import gradient, occlusion
from alexnet.nets.rows import Activation, Linear, Lrn, SpatialNorm


def classifier(net, size):
    channels, crop, _ = net.input_shape
    spec = InputSpec(
        size, crop, channels, "bilinear", True, 1.0, np.full((crop, crop, channels), 128, np.float32)
    )
    return ViewClassifier(net=net, input=spec, classes="abc", class_names="abc")


def reads_one_corner():
    """A linear network whose class 1 is the upper left quarter of the first color, and nothing else."""
    net = built(of_rows(Linear("fc"), input_shape=(3, 8, 8)))
    weight = torch.zeros(3, 3, 8, 8)
    weight[1, 0, :4, :4] = 0.5
    with torch.no_grad():
        net.fc.weight.copy_(weight.flatten(1))
    return classifier(net, 10)


def test_salient_is_what_the_score_depends_on():
    made = reads_one_corner()
    picture = np.full((10, 10, 3), 255, np.uint8)
    seen = gradient(made, picture, 1)
    assert seen.shape == (8, 8) and (seen[:4, :4] == 0.5).all() and seen.sum() == 8
    assert not gradient(made, picture, 0).any()
    assert not made.net.training and all(p.grad is None for p in made.net.parameters())


def test_hiding_what_matters_lowers_the_score_by_what_it_gave():
    made = reads_one_corner()
    picture = np.full((10, 10, 3), 228, np.uint8)
    falls = occlusion(made, picture, 1, side=4, steps=5)
    assert falls.shape == (5, 5)
    assert falls[0, 0] == pytest.approx(0.5 * 100 * 16) and falls[0, 4] == falls[4, 4] == 0
    assert falls[0, 0] == falls.max() and (np.diff(falls[0]) <= 0).all()


def test_every_layers_output_is_kept_in_order():
    made = classifier(built(tiny("alexnet"), 3), 67)
    picture = np.random.default_rng(0).integers(0, 256, (67, 67, 3), dtype=np.uint8)
    maps = layer_maps(made, picture)
    assert list(maps) == [name for name, _ in made.net.named_children()]
    assert maps["relu1"].min() == 0 and maps["relu1"].ndim == 3 and maps["fc8"].shape == (3,)
    x = network_input(made, picture)
    with torch.inference_mode():
        np.testing.assert_allclose(maps["fc8"], made.net(x)[0].numpy(), rtol=1e-4, atol=1e-5)
    order = most_active(maps["relu1"], 3)
    sums = maps["relu1"].sum((1, 2))
    assert list(sums[order]) == sorted(sums, reverse=True)[:3]


def test_a_grid_has_bright_lines_and_a_normalization_evens_it_out():
    grid = hermann_grid(60, 3, squares=3)
    assert grid.shape == (60, 60, 3) and set(np.unique(grid)) == {20, 235}
    assert (grid[0] == 235).all() and grid[10, 10, 0] == 20 and (grid == grid.transpose(1, 0, 2)).all()
    rows = (
        Activation("relu1"),
        Lrn("across", size=3, alpha=1e-3),
        SpatialNorm("within", 3, 1e-3),
        Linear("fc"),
    )
    made = classifier(built(of_rows(*rows, input_shape=(3, 30, 30))), 30)
    made = ViewClassifier(
        net=made.net,
        input=InputSpec(30, 30, 3, "bilinear", True, 1.0, np.zeros((30, 30, 3), np.float32)),
        classes="abc",
        class_names="abc",
    )
    first, second = inhibitions(made)
    assert (first.layer, second.layer) == ("across", "within")
    assert first.evened < 0.9 and second.evened < 1
    np.testing.assert_allclose(second.before, first.after)
    assert inhibitions(classifier(built(tiny("cifar10_19pct"), 3), 32)) == []


@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_mistakes_and_sure_ones_are_sorted_and_complete(seed, count):
    random = np.random.default_rng(seed)
    found = Guesses(
        random.dirichlet(np.ones(4), count).astype(np.float32).reshape(count, 4), random.integers(0, 4, count)
    )
    wrong, right = found.mistakes(100), found.surest(100)
    assert sorted([*wrong, *right]) == list(range(count))
    sure = found.probabilities.max(1) if count else np.zeros(0)
    assert (found.best[wrong] != found.labels[wrong]).all() and (np.diff(sure[wrong]) <= 0).all()
    kinds = len(set(found.labels[right].tolist()))
    assert len(set(found.labels[right[:kinds]].tolist())) == kinds, "one of each class comes first"
    confusion = found.confusion()
    assert confusion.sum() == count and confusion.trace() == len(right)
