"""`.caffemodel` files that are cut, changed or lie: read as far as they are right, or refused in one line."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.core.errors import UsageError
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.interchange import caffe
from alexnet.nets.interchange.caffe import parse_caffemodel
from alexnet.nets.interchange.wire import WireError
from alexnet.nets.network import Network
from alexnet.nets.tables import change
from alexnet.nets.weights import load_weights
from nets.interchange.caffe_definition import drawn
from nets.interchange.caffe_files import FORMS, caffemodel, file_of, message
from nets.small_networks import small


def refused(data):
    with pytest.raises(WireError) as caught:
        parse_caffemodel(data)
    return str(caught.value)


def one_layer(**sides):
    """A network of conv1 with one blob, its fields as given."""
    net = message("NetParameter")()
    blob = net.layer.add(name="conv1").blobs.add()
    for name, value in sides.items():
        if name == "dim":
            blob.shape.dim.extend(value)
        elif isinstance(value, list):
            getattr(blob, name).extend(value)
        else:
            setattr(blob, name, value)
    return net.SerializeToString()


@pytest.mark.parametrize(
    ("blob", "line"),
    [
        ({"dim": [2, 3], "data": [1.0] * 5}, "a blob of shape [2, 3] holds 5 numbers"),
        ({"dim": [2, 3]}, "a blob of shape [2, 3] holds 0 numbers"),
        ({"data": [1.0]}, "a blob of shape [] holds 1 numbers"),
        ({"dim": [0, 5]}, "a blob of shape [0, 5] holds 0 numbers"),
        ({"dim": [-1, -1], "data": [1.0]}, f"a blob of shape [{2**64 - 1}, {2**64 - 1}] holds 1 numbers"),
        ({"dim": [1 << 62, 4, 0], "data": []}, f"a blob of shape [{1 << 62}, 4, 0] holds 0 numbers"),
        ({"num": 2, "channels": 3, "data": [1.0] * 6}, "a blob of shape [2, 3, 0, 0] holds 6 numbers"),
        ({"dim": [1] * 33, "data": [1.0]}, "there are more than 32 numbers"),
    ],
)
def test_a_blob_that_lies_about_its_shape_is_refused(blob, line):
    assert refused(one_layer(**blob)) == line


def test_pieces_of_a_shape_cannot_make_it_endless():
    net = message("NetParameter", packed=False)()
    net.layer.add(name="conv1").blobs.add().shape.dim.extend([1] * 90_000)
    assert refused(net.SerializeToString()) == "a blob has 90000 axes"


def test_a_file_without_weights_is_refused():
    assert refused(b"") == "it holds no weights"
    assert refused(caffemodel([("conv1", "Convolution", ())])) == "it holds no weights"


def test_two_layers_of_one_name_are_refused():
    blob = np.ones((2, 2), np.float32)
    assert refused(caffemodel([("fc6", "InnerProduct", [blob])] * 2)) == "two layers are called fc6"


def test_the_form_of_2013_is_refused_with_the_way_out():
    net = message("NetParameter")()
    net.layers.add().layer.name = "conv1"
    assert "upgrade_net_proto_binary" in refused(net.SerializeToString())


def test_gradients_and_unknown_layers_are_passed_over():
    net = message("NetParameter")()
    net.layer.add(name="my_own", type="Python", phase=1)
    layer = net.layer.add(name="fc6")
    for values in ([1.0, 2.0], [3.0]):
        blob = layer.blobs.add(data=values, diff=[9.0] * 2)
        blob.shape.dim.append(len(values))
    tensors, networks = parse_caffemodel(net.SerializeToString())
    assert {name: t.tolist() for name, t in tensors.items()} == {"fc6.weight": [1, 2], "fc6.bias": [3]}
    assert networks == caffe.OF_CAFFE


def test_a_file_larger_than_any_message_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(b"x" * 11)
    monkeypatch.setattr(caffe, "MAX_BYTES", 10)
    with pytest.raises(UsageError, match="is no Caffe model: it has 11 bytes"):
        load_weights(Network(NETWORKS["lenet5_modern"], 10), path)


_SCALED = small(NETWORKS["caffenet"], 16)
SMALL = replace(_SCALED, input_shape=(3, 67, 67), table=change(_SCALED.table, "fc6", "fc7", units=8))
"""67 pixels leave one place above conv5."""
WHOLE = {form: b"" for form in FORMS}


def whole(form):
    """A complete file for SMALL, written once."""
    if not WHOLE[form]:
        blobs = drawn(16, classes=3)
        for name, inputs in (("fc6", 16), ("fc7", 8), ("fc8", 8)):
            blobs[name] = (blobs[name][0][:8, :inputs], blobs[name][1][:8])
        WHOLE[form] = file_of("caffenet", blobs, FORMS[form])
    return WHOLE[form]


@pytest.fixture(scope="module")
def damaged_file(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "net.caffemodel"


@pytest.mark.parametrize("form", FORMS)
def test_the_file_that_is_damaged_below_is_right(damaged_file, form):
    damaged_file.write_bytes(whole(form))
    load_weights(Network(SMALL, 3), damaged_file)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_is_read_or_refused_in_one_line(damaged_file, data):
    """Bytes changed near the messages' heads, where they count; pieces cut, doubled or put in; the end missing."""
    content = bytearray(whole(data.draw(st.sampled_from(sorted(FORMS)))))
    for _ in range(data.draw(st.integers(1, 4))):
        heads = [0, *(content.find(name) for name in (b"conv1", b"pool1", b"conv2", b"fc6", b"fc8"))]
        near = data.draw(st.sampled_from(heads)) + data.draw(st.integers(-12, 60))
        place = data.draw(st.one_of(st.just(near), st.integers(0, len(content))))
        place = min(max(place, 0), len(content))
        match data.draw(st.sampled_from(["change", "cut", "put in", "double", "end"])):
            case "change":
                content[place : place + 1] = data.draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del content[place : place + data.draw(st.integers(1, 9))]
            case "put in":
                content[place:place] = data.draw(st.binary(min_size=1, max_size=12))
            case "double":
                content[place:place] = content[place : place + data.draw(st.integers(1, 300))]
            case "end":
                del content[place:]
    damaged_file.write_bytes(content)
    try:
        load_weights(Network(SMALL, 3), damaged_file)
    except UsageError as error:
        assert str(error).startswith(f"{damaged_file}: ") and "\n" not in str(error)
