"""AlexNet as an ONNX graph, from uint8 pixels to probabilities; what ONNX Runtime and OpenVINO read."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from alexnet.bench.pixels import CROP, random_pictures

_CONVOLUTIONS = ((96, 11, 4, 2, 1), (256, 5, 1, 2, 2), (384, 3, 1, 1, 1), (384, 3, 1, 1, 2), (256, 3, 1, 1, 2))


def alexnet(batch: int) -> bytes:
    """Return the model with one input `pixels`, uint8 (batch, 224, 224, 3), and one output (batch, 1000)."""
    graph = _Graph()
    x = graph.add("Cast", "pixels", to=TensorProto.FLOAT)
    x = graph.add("Sub", x, graph.constant(np.float32(128)))
    x, inputs = graph.add("Transpose", x, perm=[0, 3, 1, 2]), 3
    for number, (channels, kernel, stride, pad, groups) in enumerate(_CONVOLUTIONS):
        weight = graph.weights(channels, inputs // groups, kernel, kernel)
        bias = graph.constant(np.zeros(channels, np.float32))
        x = graph.add("Conv", x, weight, bias, strides=[stride] * 2, pads=[pad] * 4, group=groups)
        x, inputs = graph.add("Relu", x), channels
        if number < 2:
            x = graph.add("LRN", x, size=5, alpha=5e-4, beta=0.75, bias=2.0)
        if number in (0, 1, 4):
            x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    x = graph.add("Flatten", x)
    for rows, columns in ((4096, 9216), (4096, 4096), (1000, 4096)):
        bias = graph.constant(np.zeros(rows, np.float32))
        x = graph.add("Gemm", x, graph.weights(rows, columns), bias, transB=1)
        x = graph.add("Relu", x) if rows == 4096 else graph.add("Softmax", x, axis=1)
    return graph.model([batch, CROP, CROP, 3], x, [batch, 1000])


class _Graph:
    def __init__(self) -> None:
        self.nodes: list = []
        self.constants: list = []

    def add(self, kind: str, *inputs: str, **attributes) -> str:
        """Append an operation and return the name of its output."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value: np.ndarray) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weights(self, *shape: int) -> str:
        """Add weights of the size that keeps activations at theirs."""
        count = int(np.prod(shape))
        levels = np.resize(random_pictures(256, 64).reshape(-1), count).astype(np.float32).reshape(shape)
        return self.constant((levels - 127.5) / 73.9 * np.float32((2 / np.prod(shape[1:])) ** 0.5))

    def model(self, shape: list[int], output: str, output_shape: list[int]) -> bytes:
        graph = helper.make_graph(
            self.nodes,
            "alexnet",
            [helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, output_shape)],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        return model.SerializeToString()
