"""`.caffemodel` files by Google's protobuf, from the field numbers of Caffe's published caffe.proto."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from nets.interchange.caffe_definition import layers

_TYPES = {"int": "INT64", "int32": "INT32", "float": "FLOAT", "double": "DOUBLE", "text": "STRING"}
_MESSAGES = {
    "BlobShape": {"dim": (1, "int*")},
    "BlobProto": {
        "num": (1, "int"),
        "channels": (2, "int"),
        "height": (3, "int"),
        "width": (4, "int"),
        "data": (5, "float*"),
        "diff": (6, "float*"),
        "shape": (7, "BlobShape"),
        "double_data": (8, "double*"),
    },
    "LrnParameter": {"local_size": (1, "int32"), "alpha": (2, "float"), "beta": (3, "float")},
    "LayerParameter": {
        "name": (1, "text"),
        "type": (2, "text"),
        "bottom": (3, "text*"),
        "top": (4, "text*"),
        "blobs": (7, "BlobProto*"),
        "phase": (10, "int32"),
        "lrn_param": (118, "LrnParameter"),
    },
    "V0LayerParameter": {"name": (1, "text"), "type": (2, "text"), "blobs": (50, "BlobProto*")},
    "V1LayerParameter": {
        "layer": (1, "V0LayerParameter"),
        "bottom": (2, "text*"),
        "top": (3, "text*"),
        "name": (4, "text"),
        "type": (5, "int32"),
        "blobs": (6, "BlobProto*"),
        "blobs_lr": (7, "float*"),
        "lrn_param": (18, "LrnParameter"),
    },
    "NetParameter": {
        "name": (1, "text"),
        "layers": (2, "V1LayerParameter*"),
        "input": (3, "text*"),
        "input_dim": (4, "int32*"),
        "layer": (100, "LayerParameter*"),
    },
}
_PACKED = {("BlobShape", "dim"), ("BlobProto", "data"), ("BlobProto", "diff"), ("BlobProto", "double_data")}
"""Declared [packed = true]; proto2 writes every other repeated field one by one."""
V1_TYPES = {"Data": 5, "Convolution": 4, "ReLU": 18, "LRN": 15, "Pooling": 17, "InnerProduct": 14, "Dropout": 6}


@dataclass(frozen=True)
class Form:
    """How a file writes what all files say."""

    layers: str = "layer"
    """`layer` today, `layers` in 2014."""
    legacy_shape: bool = False
    packed: bool = True
    doubles: bool = False


FORMS = {
    "today": Form(),
    "of 2014": Form(layers="layers", legacy_shape=True),
    "unpacked": Form(packed=False),
    "doubles": Form(doubles=True),
    "unpacked doubles of 2014": Form(layers="layers", packed=False, doubles=True),
}


def message(name: str, packed: bool = True) -> type:
    """Return the class of a message of caffe.proto."""
    file = descriptor_pb2.FileDescriptorProto(name=f"caffe_{packed}.proto", package="caffe", syntax="proto2")
    for kind, fields in _MESSAGES.items():
        described = file.message_type.add(name=kind)
        for field, (number, type_name) in fields.items():
            repeated, plain = type_name.endswith("*"), type_name.rstrip("*")
            added = described.field.add(name=field, number=number)
            added.label = added.LABEL_REPEATED if repeated else added.LABEL_OPTIONAL
            if plain in _TYPES:
                added.type = getattr(added, f"TYPE_{_TYPES[plain]}")
            else:
                added.type, added.type_name = added.TYPE_MESSAGE, f".caffe.{plain}"
            if (kind, field) in _PACKED:
                added.options.packed = packed
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}"))


Layer = tuple[str, str, Sequence[np.ndarray]]
"""Name, type as in a prototxt, blobs."""


def caffemodel(layers: Sequence[Layer], form: Form = Form()) -> bytes:
    """Return the bytes of a file with these layers."""
    net = message("NetParameter", form.packed)(name="AlexNet")
    for name, kind, blobs in layers:
        layer = getattr(net, form.layers).add(name=name, bottom=["below"], top=[name])
        layer.type = V1_TYPES[kind] if form.layers == "layers" else kind
        if kind == "LRN":
            layer.lrn_param.alpha = 1e-4
        if form.layers == "layers" and blobs:
            layer.blobs_lr.extend([1, 2])
        for blob in blobs:
            fill(layer.blobs.add(), blob, form)
    return net.SerializeToString()


def fill(proto, values: np.ndarray, form: Form) -> None:
    """Write an array into a BlobProto."""
    if form.legacy_shape:
        sides = (1,) * (4 - values.ndim) + values.shape
        proto.num, proto.channels, proto.height, proto.width = sides
    else:
        proto.shape.dim.extend(values.shape)
    (proto.double_data if form.doubles else proto.data).extend(values.ravel())


def file_of(network, blobs, form=FORMS["today"], leave_out=()):
    named = [(name, kind, blobs.get(name, ())) for name, kind in layers(network) if name not in leave_out]
    return caffemodel(named, form)
