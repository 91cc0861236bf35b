"""Features of any layer, and an exact search among them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import built, tiny

from alexnet.core.errors import UsageError
from alexnet.evaluation import neighbors
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.features import features
from alexnet.evaluation.input import InputSpec
from alexnet.evaluation.neighbors import nearest_vectors
from alexnet.views.fixed_views import fixed_views, view_places


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 9), st.integers(1, 8))
def test_the_nearest_are_those_of_the_definition_and_of_equal_ones_the_first(seed, count, k, part):
    random = np.random.default_rng(seed)
    searched = random.integers(-2, 3, (count, 2)).astype(np.float32)  # few values: many equal distances
    queries = random.integers(-2, 3, (5, 2)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(neighbors, "_ROWS", part)
        found = nearest_vectors(queries, torch.from_numpy(searched), k)
    exact = np.linalg.norm(queries[:, None] - searched[None], axis=2)
    order = np.argsort(exact, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(found.indices, order)
    np.testing.assert_allclose(found.distances, np.take_along_axis(exact, order, 1), atol=1e-6)


def test_small_differences_of_long_vectors_are_told_apart():
    searched = np.full((3, 4096), 100, np.float32)
    searched[0, 0], searched[1, 0], searched[2, 0] = 100.03, 100.01, 100.02
    found = nearest_vectors(np.full((1, 4096), 100, np.float32), searched, 3)
    assert found.indices.tolist() == [[1, 2, 0]]
    np.testing.assert_allclose(found.distances, [[0.01, 0.02, 0.03]], rtol=0.01)


@pytest.mark.parametrize("layer", [None, "fc7", "relu3", "pool5", "conv1"])
def test_features_are_the_layers_outputs_for_the_central_view(layer):
    net = built(tiny("alexnet"), 5)
    spec = InputSpec(71, 67, 3, "bilinear", True, 0.02, np.full((67, 67, 3), 120, np.float32))
    made = ViewClassifier(net=net, input=spec, classes="abcde", class_names="abcde")
    images = np.random.default_rng(0).integers(0, 256, (3, 71, 71, 3), dtype=np.uint8)
    net.train()
    found = features(made, images, layer)
    assert net.training and found.dtype == torch.float32
    net.eval()
    x = fixed_views(images, view_places(1, 71, 71, 67), spec.mean, spec.scale)
    with torch.inference_mode():
        for name, module in net.named_children():
            if layer is None and name == "fc8":
                break
            x = module(x)
            if name == layer:
                break
    torch.testing.assert_close(found, x.flatten(1), rtol=1e-5, atol=1e-6)


def test_an_unknown_layer_is_told():
    net = built(tiny("alexnet"), 5)
    spec = InputSpec(67, 67, 3, "bilinear", True, 1.0, np.zeros((67, 67, 3), np.float32))
    made = ViewClassifier(net=net, input=spec, classes="abcde", class_names="abcde")
    with pytest.raises(UsageError, match="no layer 'fc9'; did you mean 'fc"):
        features(made, np.zeros((1, 67, 67, 3), np.uint8), "fc9")
