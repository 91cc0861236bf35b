"""The modules of the rows, each against its formula written by hand, values and gradients in double precision."""

import pytest
import torch
import torch.nn.functional as F
from small_networks import built, of_rows, pictures

from alexnet.nets.digits import DIGIT_CODES
from alexnet.nets.layers import RbfOutput
from alexnet.nets.lenet import C3_LINKS, H3_LINKS
from alexnet.nets.network import Network
from alexnet.nets.rows import (
    Activation,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    LocalConv,
    Lrn,
    PartialConv,
    Pool,
    Rbf,
    SpatialNorm,
    Subsample,
)


def layer_of(row, input_shape):
    """A layer in double precision with weights and biases that differ from each other, and an input for it."""
    net = built(of_rows(row, input_shape=input_shape)).double()
    generator = torch.Generator().manual_seed(7)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return net.get_submodule(row.name), pictures(net, dtype=torch.float64).requires_grad_()


def gradients(output, *inputs):
    """Gradients of a sum in which every output has another weight."""
    weights = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).view(output.shape)
    return torch.autograd.grad((output * weights).sum(), inputs)


def assert_equal(first, second):
    torch.testing.assert_close(first, second, rtol=1e-12, atol=1e-12)


# --- convolution of some of the maps


@pytest.mark.parametrize(
    ("links", "channels", "kernel"),
    [(H3_LINKS, 4, 5), (C3_LINKS, 6, 5), (((2,), (0,)), 3, 1), (((0, 1), (1,), (0,)), 2, 2)],
)
def test_a_partial_convolution_is_a_dense_one_with_holes(links, channels, kernel):
    layer, x = layer_of(PartialConv("partial", links, kernel), (channels, 6, 7))
    dense = torch.zeros(len(links), channels, kernel, kernel, dtype=torch.float64)
    pairs = [(output, source) for output, sources in enumerate(links) for source in sources]
    for weight, (output, source) in zip(layer.weight.detach(), pairs, strict=True):
        dense[output, source] = weight
    dense.requires_grad_()
    bias = layer.bias.detach().clone().requires_grad_()
    ours, theirs = layer(x), F.conv2d(x, dense, bias)
    assert_equal(ours, theirs)
    of_x, of_weight, of_bias = gradients(ours, x, layer.weight, layer.bias)
    of_x_dense, of_dense, of_bias_dense = gradients(theirs, x, dense, bias)
    assert_equal(of_x, of_x_dense)
    assert_equal(of_bias, of_bias_dense)
    assert_equal(of_weight, torch.stack([of_dense[pair] for pair in pairs]))


def test_a_map_of_a_partial_convolution_sees_its_links_only():
    layer, x = layer_of(PartialConv("c3", C3_LINKS, 5), (6, 14, 14))
    for output, links in enumerate(C3_LINKS):
        (gradient,) = torch.autograd.grad(layer(x)[:, output].sum(), x)
        assert tuple(gradient.abs().sum((0, 2, 3)).nonzero().flatten().tolist()) == links


def test_a_partial_convolution_keeps_no_weight_for_a_missing_link():
    layer, _ = layer_of(PartialConv("c3", C3_LINKS, 5), (6, 14, 14))
    assert layer.weight.shape == (60, 5, 5)
    assert set(layer.state_dict()) == {"weight", "bias"}


# --- convolution with unshared weights


def test_a_local_convolution_has_kernels_of_its_own_at_every_place():
    layer, x = layer_of(LocalConv("local", 3, 3, pad=1), (2, 4, 5))
    kernels = layer.weight.view(20, 3, 2, 3, 3)
    padded = F.pad(x, (1, 1, 1, 1))
    expected = torch.stack(
        [
            torch.einsum("ncij,ocij->no", padded[:, :, y : y + 3, z : z + 3], kernels[y * 5 + z])
            + layer.bias[y * 5 + z]
            for y in range(4)
            for z in range(5)
        ],
        dim=2,
    ).view(2, 3, 4, 5)
    output = layer(x)
    assert_equal(output, expected)
    inputs = (x, layer.weight, layer.bias)
    for ours, theirs in zip(gradients(output, *inputs), gradients(expected, *inputs), strict=True):
        assert_equal(ours, theirs)


def test_a_local_convolution_with_one_kernel_everywhere_is_an_ordinary_one():
    layer, x = layer_of(LocalConv("local", 3, 3, pad=1), (2, 4, 5))
    with torch.no_grad():
        layer.weight.copy_(layer.weight[:1].clone().expand_as(layer.weight))
        layer.bias.copy_(layer.bias[:1].clone().expand_as(layer.bias))
    assert_equal(layer(x), F.conv2d(x, layer.weight[0].view(3, 2, 3, 3), layer.bias[0], padding=1))


# --- subsampling


@pytest.mark.parametrize(("kind", "factor"), [("average", 0.25), ("sum", 1.0)])
def test_subsampling_weighs_the_four_pixels_of_a_window_alike(kind, factor):
    layer, x = layer_of(Subsample("s2", kind=kind), (3, 6, 4))
    four = x[:, :, 0::2, 0::2] + x[:, :, 0::2, 1::2] + x[:, :, 1::2, 0::2] + x[:, :, 1::2, 1::2]
    expected = factor * four * layer.weight[:, None, None] + layer.bias[:, None, None]
    output = layer(x)
    assert output.shape == (2, 3, 3, 2)
    assert_equal(output, expected)
    inputs = (x, layer.weight, layer.bias)
    for ours, theirs in zip(gradients(output, *inputs), gradients(expected, *inputs), strict=True):
        assert_equal(ours, theirs)


def test_subsampling_windows_may_be_larger():
    layer, x = layer_of(Subsample("s", size=3, kind="sum"), (1, 6, 9))
    expected = x.view(2, 1, 2, 3, 3, 3).sum((3, 5)) * layer.weight + layer.bias
    assert_equal(layer(x), expected)


# --- distances to codes


@pytest.mark.parametrize("num_classes", [10, 7, 1])
def test_rbf_logits_are_negated_squared_distances(num_classes):
    layer = RbfOutput(num_classes).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 84, generator=generator, dtype=torch.float64, requires_grad=True)
    codes = torch.tensor(DIGIT_CODES[:num_classes], dtype=torch.float64)
    expected = torch.stack([-sum((x[:, i] - code[i]) ** 2 for i in range(84)) for code in codes], dim=1)
    assert_equal(layer(x), expected)
    assert_equal(*gradients(layer(x), x), *gradients(expected, x))


def test_the_derivative_of_an_rbf_logit_points_from_the_input_to_the_code():
    layer = RbfOutput(10).double()
    x = torch.zeros(1, 84, dtype=torch.float64, requires_grad=True)
    for number in range(10):
        (gradient,) = torch.autograd.grad(layer(x)[0, number], x)
        assert torch.equal(gradient, 2 * layer.codes[number : number + 1])


def test_a_code_is_nearest_to_its_own_class():
    layer = RbfOutput(10)
    logits = layer(layer.codes)
    assert torch.equal(logits.argmax(1), torch.arange(10)) and not logits.diag().any()


def test_codes_are_ten_different_bitmaps_of_seven_by_twelve():
    assert len(set(DIGIT_CODES)) == 10
    assert {len(code) for code in DIGIT_CODES} == {7 * 12}
    assert {value for code in DIGIT_CODES for value in code} == {-1, 1}


def test_rbf_codes_are_stored_and_not_trained():
    layer = RbfOutput(10)
    assert list(layer.parameters()) == []
    assert layer.state_dict()["codes"].numel() == 840


# --- full layers


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_full_layer_with_towers_is_so_many_layers_side_by_side(groups):
    layer, x = layer_of(Linear("fc", 8, groups=groups), (4, 3, 2))
    width, height = 24 // groups, 8 // groups
    flat = x.flatten(1)
    expected = torch.cat(
        [
            flat[:, t * width : (t + 1) * width] @ layer.weight[t * height : (t + 1) * height].T
            for t in range(groups)
        ],
        dim=1,
    )
    output = layer(x)
    assert_equal(output, expected + layer.bias)
    inputs = (x, layer.weight)
    for ours, theirs in zip(gradients(output, *inputs), gradients(expected, *inputs), strict=True):
        assert_equal(ours, theirs)


def test_a_full_layer_reads_maps_row_by_row_in_any_memory_format():
    layer, x = layer_of(Linear("fc", 8), (4, 3, 2))
    assert torch.equal(layer(x), layer(x.contiguous(memory_format=torch.channels_last)))
    (gradient,) = torch.autograd.grad(layer(x)[0, 0], x)
    assert torch.equal(gradient[0].flatten(), layer.weight[0])


# --- the rest


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("relu", lambda x: x.clamp_min(0)),
        ("tanh", torch.tanh),
        ("abs_tanh", lambda x: torch.tanh(x).abs()),
        ("sigmoid", lambda x: 1 / (1 + torch.exp(-x))),
        ("scaled_tanh", lambda x: 1.7159 * torch.tanh(2 * x / 3)),
    ],
)
def test_activations_are_their_formulas(kind, expected):
    x = torch.linspace(-4, 4, 9, dtype=torch.float64).view(1, 1, 3, 3)
    torch.testing.assert_close(built(of_rows(Activation("a", kind), input_shape=(1, 3, 3)))(x), expected(x))


def test_a_hanging_average_window_divides_by_the_pixels_it_covers():
    layer, _ = layer_of(Pool("pool", 3, 2, "average", ceil=True), (1, 4, 4))
    x = torch.arange(16.0).view(1, 1, 4, 4)
    expected = [[x[0, 0, r, c].mean() for c in (slice(0, 3), slice(2, 4))] for r in (slice(0, 3), slice(2, 4))]
    assert torch.equal(layer(x)[0, 0], torch.tensor(expected))


def test_a_hanging_maximum_window_ignores_what_is_not_there():
    layer, _ = layer_of(Pool("pool", 3, 2, ceil=True), (1, 4, 4))
    x = -torch.arange(16.0).view(1, 1, 4, 4) - 1
    assert layer(x)[0, 0].tolist() == [[-1, -3], [-9, -11]]


def test_zeros_after_a_picture_stand_at_its_right_and_bottom():
    layer, x = layer_of(Conv("conv", 2, 3, stride=2, pad_after=1), (1, 4, 4))
    larger = torch.zeros(2, 1, 5, 5, dtype=torch.float64)
    larger[:, :, :4, :4] = x.detach()
    assert torch.equal(layer(x), F.conv2d(larger, layer.weight, layer.bias, stride=2))


def test_batch_normalization_is_per_map_with_torchs_momentum():
    net = Network(of_rows(BatchNorm("bn", momentum=0.25, epsilon=1e-3), input_shape=(2, 3, 3)), 3).double()
    assert torch.equal(net.bn.weight, torch.ones(2).double()) and not net.bn.bias.any()
    x = pictures(net, 4, dtype=torch.float64) + 3
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    expected = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-3).sqrt()
    assert_equal(net.train()(x), expected)
    assert_equal(net.bn.running_mean, 0.25 * mean)
    assert_equal(net.bn.running_var, 0.75 + 0.25 * x.var((0, 2, 3)))


@pytest.mark.parametrize(
    ("row", "shape", "text"),
    [
        (Conv("x", 4, 3, pad_after=2), (3, 8, 8), "pad_after=2"),
        (PartialConv("x", H3_LINKS, 5), (4, 8, 8), "12 maps, 20 links"),
        (LocalConv("x", 2, 3), (3, 5, 5), "9 places"),
        (Rbf("x"), (84, 1, 1), "84, 3"),
        (Subsample("x", kind="sum"), (3, 4, 4), "sum of 2 x 2"),
        (Lrn("x", alpha=2e-5, groups=2), (4, 2, 2), "alpha=2e-05, beta=0.75, k=2.0, groups=2"),
        (SpatialNorm("x", 3, alpha=0.5), (4, 2, 2), "size=3, alpha=0.5"),
        (Activation("x", "tanh"), (4, 2, 2), "tanh"),
        (Dropout("x", 0.25, inverted=True), (4, 2, 2), "rate=0.25, inverted=True"),
    ],
)
def test_a_printed_network_says_what_distinguishes_its_layers(row, shape, text):
    assert text in repr(built(of_rows(row, input_shape=shape)))
