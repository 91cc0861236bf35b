"""Caffe's AlexNets: files that Google's protobuf wrote, and the original definitions run beside ours."""

import time

import pytest
import torch

from alexnet.core.errors import UsageError
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.create import create_model
from alexnet.nets.interchange import caffe
from alexnet.nets.interchange.caffe import parse_caffemodel
from alexnet.nets.interchange.wire import WireError
from alexnet.nets.network import Network
from nets.interchange.caffe_definition import drawn, layers, logits
from nets.interchange.caffe_files import FORMS, Form, caffemodel, file_of
from nets.small_networks import small


def in_double(blobs):
    return {name: tuple(torch.from_numpy(b).double() for b in pair) for name, pair in blobs.items()}


def pictures(count=2):
    """Pictures in blue, green, red, on the scale of 0 to 255 minus a mean."""
    return 80 * torch.randn(count, 3, 227, 227, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def scaled(monkeypatch):
    """The two networks of the catalog with a sixteenth of their maps and units."""
    for name in caffe.OF_CAFFE:
        monkeypatch.setitem(NETWORKS, name, small(NETWORKS[name], 16))


@pytest.fixture
def written(tmp_path):
    def write(data, name="net.caffemodel"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


# --- the same function


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("network", caffe.OF_CAFFE)
def test_the_logits_are_those_of_the_original(scaled, written, network, form):
    blobs = drawn(16, classes=10)
    net = create_model(network, weights=written(file_of(network, blobs, form))).double().eval()
    bgr = pictures()
    theirs = logits(network, in_double(blobs), bgr)
    ours = net(bgr.flip(1))
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_the_two_networks_differ(scaled):
    """Or the test above could not tell their orders, nor a normalizer left out."""
    blobs, bgr = in_double(drawn(16, classes=10)), pictures(1)
    first, second = (logits(network, blobs, bgr) for network in caffe.OF_CAFFE)
    assert (first - second).abs().max() > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("network", caffe.OF_CAFFE)
def test_the_full_network_is_read(written, network):
    blobs = drawn(1)
    path = written(file_of(network, blobs, Form(layers="layers", legacy_shape=True)))
    assert path.stat().st_size > 4 * 60_965_224
    start = time.perf_counter()
    net = create_model(network, weights=path)
    assert time.perf_counter() - start < 10
    bgr = pictures(1).float()
    theirs = logits(network, {name: tuple(map(torch.from_numpy, pair)) for name, pair in blobs.items()}, bgr)
    torch.testing.assert_close(net.eval()(bgr.flip(1)), theirs, rtol=1e-3, atol=1e-4)


def test_published_shapes_are_those_of_our_networks():
    ours = {name: tuple(t.shape) for name, t in meta("alexnet_caffe").items()}
    shapes = {name: (96, 3, 11, 11) for name in ["conv1.weight"]} | {"fc8.bias": (1000,)}
    shapes |= {"conv2.weight": (256, 48, 5, 5), "conv4.weight": (384, 192, 3, 3), "fc6.weight": (4096, 9216)}
    assert shapes.items() <= ours.items()
    assert ours == {name: tuple(t.shape) for name, t in meta("caffenet").items()}


def meta(name):
    with torch.device("meta"):
        return Network(NETWORKS[name], 1000).state_dict()


# --- which network it is


@pytest.mark.parametrize(("theirs", "ours"), [caffe.OF_CAFFE, caffe.OF_CAFFE[::-1], ("caffenet", "alexnet")])
def test_weights_of_the_other_network_are_refused_though_their_shapes_fit(scaled, written, theirs, ours):
    path = written(file_of(theirs, drawn(16)))
    with pytest.raises(UsageError) as caught:
        create_model(ours, weights=path)
    assert str(caught.value) == (
        f'{path}: holds the weights of {theirs}, not of {ours}; create_model("{theirs}", weights=...)'
    )


def test_a_file_without_normalizers_may_be_either(scaled, written):
    path = written(file_of("caffenet", drawn(16), leave_out=("norm1", "norm2")))
    assert all(create_model(name, weights=path).spec.name == name for name in caffe.OF_CAFFE)
    with pytest.raises(UsageError, match="alexnet_caffe or caffenet, not of alexnet"):
        create_model("alexnet", weights=path)


def test_other_classes_start_the_last_layer_anew(scaled, written):
    path = written(file_of("caffenet", drawn(16, classes=10)))
    known, changed = (create_model("caffenet", n, weights=path, seed=3) for n in (None, 7))
    assert known.num_classes == 10 and changed.fc8.weight.shape == (7, 256)
    assert torch.equal(known.fc7.weight, changed.fc7.weight)
    assert torch.equal(changed.fc8.weight, create_model("caffenet", 7, seed=3).fc8.weight)


def test_an_order_of_neither_network_is_refused(written):
    blobs = drawn(16)
    named = [(name, kind, blobs.get(name, ())) for name, kind in layers("caffenet")]
    with pytest.raises(WireError, match="the order of neither alexnet_caffe nor caffenet"):
        parse_caffemodel(caffemodel(named[::-1]))


@pytest.mark.parametrize(
    ("leave_out", "end"),
    [
        (("conv4",), "2 tensors differ, first conv4.bias: expected (24,), found nothing"),
        (("data", "fc8"), "2 tensors differ, first fc8.bias: expected (1000,), found nothing"),
    ],
)
def test_a_missing_layer_is_named(scaled, written, leave_out, end):
    path = written(file_of("caffenet", drawn(16), leave_out=leave_out))
    with pytest.raises(UsageError) as caught:
        create_model("caffenet", weights=path)
    assert str(caught.value).startswith(f"{path}: ") and str(caught.value).endswith(end)
