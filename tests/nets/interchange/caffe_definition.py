"""bvlc_alexnet and bvlc_reference_caffenet written out from their prototxt files, in torch.nn.functional alone."""

import math

import numpy as np
import torch.nn.functional as F
from torch import Tensor

ORDERS = {"alexnet_caffe": ("relu", "norm", "pool"), "caffenet": ("relu", "pool", "norm")}
TYPES = {"relu": "ReLU", "norm": "LRN", "pool": "Pooling"}

WIDTHS = {"conv1": 96, "conv2": 256, "conv3": 384, "conv4": 384, "conv5": 256, "fc6": 4096, "fc7": 4096}
INPUTS = {"conv2": 48, "conv3": 256, "conv4": 192, "conv5": 192, "fc6": 256 * 36, "fc7": 4096, "fc8": 4096}
KERNELS = {"conv1": 11, "conv2": 5, "conv3": 3, "conv4": 3, "conv5": 3}


def layers(network: str) -> list[tuple[str, str]]:
    """Return name and type of every layer, in the order in which a file has them."""
    named = [("data", "Data")]
    for n in (1, 2):
        named += [(f"conv{n}", "Convolution"), *((f"{kind}{n}", TYPES[kind]) for kind in ORDERS[network])]
    for n in (3, 4, 5):
        named += [(f"conv{n}", "Convolution"), (f"relu{n}", "ReLU")]
    named.append(("pool5", "Pooling"))
    for n in (6, 7):
        named += [(f"fc{n}", "InnerProduct"), (f"relu{n}", "ReLU"), (f"drop{n}", "Dropout")]
    return [*named, ("fc8", "InnerProduct")]


def logits(network: str, blobs: dict[str, tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    """Return fc8 (N, classes) of pictures (N, 3, 227, 227) in blue, green, red."""
    apply = {
        "relu": F.relu,
        # lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }, whose k is 1 by default; both divide alpha by 5.
        "norm": lambda x: F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0),
        "pool": lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
    }
    x = F.conv2d(x, *blobs["conv1"], stride=4)
    for kind in ORDERS[network]:
        x = apply[kind](x)
    x = F.conv2d(x, *blobs["conv2"], padding=2, groups=2)
    for kind in ORDERS[network]:
        x = apply[kind](x)
    x = F.relu(F.conv2d(x, *blobs["conv3"], padding=1))
    x = F.relu(F.conv2d(x, *blobs["conv4"], padding=1, groups=2))
    x = F.relu(F.conv2d(x, *blobs["conv5"], padding=1, groups=2))
    x = apply["pool"](x).flatten(1)
    for name in ("fc6", "fc7"):
        x = F.relu(F.linear(x, *blobs[name]))
    return F.linear(x, *blobs["fc8"])


def drawn(divisor, classes=1000, seed=0):
    """Blobs of the published shapes, divided; each layer keeps the size of its inputs, so that LRN matters."""
    generator = np.random.default_rng(seed)
    blobs = {}
    for name in (*WIDTHS, "fc8"):
        outputs = classes if name == "fc8" else WIDTHS[name] // divisor
        inputs = 3 if name == "conv1" else INPUTS[name] // divisor
        side = KERNELS.get(name)
        shape = (outputs, inputs) if side is None else (outputs, inputs, side, side)
        weight = generator.standard_normal(shape, np.float32) * np.float32(math.prod(shape[1:]) ** -0.5)
        blobs[name] = (weight, generator.standard_normal(outputs, np.float32))
    return blobs
