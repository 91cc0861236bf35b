"""Reads the weights of Caffe's two AlexNets, without Caffe and without its protobuf classes.

bvlc_alexnet is `alexnet_caffe` here, bvlc_reference_caffenet is `caffenet`. Caffe's pictures are blue, green, red;
networks here read red, green, blue: the channels of conv1's kernels are turned over, so that the same picture gives
the same logits. Their preparation: the whole picture warped to 256 x 256, the central crop of 227 x 227, values 0 to
255 minus the mean image (or minus 123, 117, 104 for red, green, blue), no division.

Source: models/bvlc_alexnet, models/bvlc_reference_caffenet, src/caffe/proto/caffe.proto and src/caffe/blob.cpp of
BVLC/caffe. Numbers below are those of caffe.proto.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alexnet.core.errors import UsageError
from alexnet.core.files import human_bytes
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.interchange.wire import WireError, WireReader

OF_CAFFE = ("alexnet_caffe", "caffenet")
MAX_BYTES = 2**31 - 1
"""A Protocol Buffers message cannot be larger."""
MAX_AXES = 32
"""Of a blob (kMaxBlobAxes in blob.hpp)."""

# NetParameter: its layers as they are written today, and in the form of 2014.
_LAYER, _V1_LAYER = 100, 2
# (name, blobs) of LayerParameter and of V1LayerParameter; `layer` of the latter holds the form of 2013.
_FIELDS = {_LAYER: (1, 7), _V1_LAYER: (4, 6)}
_V0 = 1
# BlobProto: num, channels, height, width; then data, shape, double_data. BlobShape: dim.
_SIDES, _DATA, _SHAPE, _DOUBLES, _DIM = (1, 2, 3, 4), 5, 7, 8, 1


def read_caffemodel(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return a `.caffemodel`'s tensors under this package's names, and the networks whose order of layers it has.

    Raises:
        UsageError: the file cannot be read, is damaged, or holds another network.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UsageError(f"is no Caffe model: it has {human_bytes(size)}", where=path)
        return parse_caffemodel(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror})", where=path) from None
    except WireError as error:
        raise UsageError(f"cannot be read as a Caffe model ({error})", where=path) from None


def parse_caffemodel(data: bytes) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return what `read_caffemodel` does, of the bytes of a NetParameter.

    Raises:
        WireError: they are not one, or not of an AlexNet.
    """
    reader = WireReader()
    layers: list[str] = []
    tensors: dict[str, Tensor] = {}
    for field in reader.fields(memoryview(data)):
        if field.number in _FIELDS:
            name, blobs = _layer(reader, field.message(), field.number)
            layers.append(name)
            for part, blob in zip(_parts(len(blobs)), blobs, strict=True):
                if f"{name}.{part}" in tensors:
                    raise WireError(f"two layers are called {name}")
                tensors[f"{name}.{part}"] = _blob(reader, blob, least_axes=2 if part == "weight" else 1)
    if not tensors:
        raise WireError("it holds no weights")
    networks = tuple(name for name in OF_CAFFE if _in_order(layers, name))
    if not networks:
        raise WireError(f"its layers are in the order of neither {' nor '.join(OF_CAFFE)}")
    first = tensors.get("conv1.weight")
    if first is not None and first.ndim == 4:
        tensors["conv1.weight"] = first.flip(1)
    return tensors, networks


def _layer(reader: WireReader, message: memoryview, form: int) -> tuple[str, list[memoryview]]:
    """Return a layer's name and its blobs."""
    name_field, blobs_field = _FIELDS[form]
    name, blobs = "", []
    for field in reader.fields(message):
        if field.number == name_field:
            name = field.text()
        elif field.number == blobs_field:
            blobs.append(field.message())
        elif form == _V1_LAYER and field.number == _V0:
            raise WireError("it has the form of 2013: write it anew with Caffe's upgrade_net_proto_binary")
    return name, blobs


def _parts(count: int) -> list[str]:
    return ["weight", "bias", *(f"blob{number}" for number in range(2, count))][:count]


def _blob(reader: WireReader, message: memoryview, least_axes: int) -> Tensor:
    """Return a blob as a tensor that owns its memory."""
    sides, shape = dict.fromkeys(_SIDES, 0), []
    floats, doubles = [], []
    for field in reader.fields(message):
        if field.number in sides:
            sides[field.number] = field.whole()
        elif field.number == _SHAPE:
            shape += _shape(reader, field.message())
        elif field.number == _DATA:
            floats.append(field.numbers("<f4"))
        elif field.number == _DOUBLES:
            doubles.append(field.numbers("<f8"))
    if any(sides.values()):
        shape = _without_leading_ones(list(sides.values()), least_axes)
    if len(shape) > MAX_AXES:
        raise WireError(f"a blob has {len(shape)} axes")
    pieces = doubles or floats
    count = sum(map(len, pieces))
    if not shape or not all(0 < side < 2**31 for side in shape) or math.prod(shape) != count:
        raise WireError(f"a blob of shape {shape} holds {count} numbers")
    values = np.concatenate(pieces)
    return torch.from_numpy(values.astype(values.dtype.newbyteorder("="), copy=False).reshape(shape))


def _shape(reader: WireReader, message: memoryview) -> list[int]:
    sides: list[int] = []
    for field in reader.fields(message):
        if field.number == _DIM:
            unpacked = isinstance(field.value, int)
            sides += [field.whole()] if unpacked else reader.whole_numbers(field.message(), MAX_AXES)
    return sides


def _without_leading_ones(shape: list[int], least_axes: int) -> list[int]:
    """Return a shape of the old form, where a bias is 1 x 1 x 1 x N and a matrix 1 x 1 x M x N, as it is today."""
    while len(shape) > least_axes and shape[0] == 1:
        shape = shape[1:]
    return shape


def _in_order(layers: Sequence[str], network: str) -> bool:
    """Say whether the layers that file and network have in common come in the network's order."""
    names = [row.name for row in NETWORKS[network].table]
    return [name for name in layers if name in names] == [name for name in names if name in layers]
