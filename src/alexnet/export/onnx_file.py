"""A network as an ONNX file: one native operator a layer, weights inside, what it expects in its metadata."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.core.errors import UsageError
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.export.deployed import BATCH, IMAGE, INPUT, LOGITS, PROBABILITIES, Deployed, describe, example

OPSET = 20


def to_onnx(classifier: ViewClassifier, *, prepares: bool) -> bytes:
    """Return the bytes of an ONNX file.

    Input `image`, uint8 (batch, size, size, C), or without preparation `input`, float32 (batch, C, crop, crop); outputs
    `logits` and `probabilities`, float32 (batch, K). Classes and input description are in the file's metadata.

    Raises:
        UsageError: the packages of the extra `export` are missing.
    """
    _need("onnx", "onnxscript")
    spec = classifier.input
    module = Deployed(classifier, prepares=prepares, norm=_NativeNorm)
    with _quietly():
        program = torch.onnx.export(
            module,
            (example(spec, prepares=prepares),),
            dynamo=True,
            opset_version=OPSET,
            input_names=[IMAGE if prepares else INPUT],
            output_names=[LOGITS, PROBABILITIES],
            dynamic_shapes=({0: torch.export.Dim(BATCH)},),
            verbose=False,
        )
    program.model.metadata_props.update(
        {
            "classes": json.dumps(list(classifier.classes)),
            "class_names": json.dumps(list(classifier.class_names)),
            "input": json.dumps(spec.to_json()),
            "preparation": describe(spec, prepares=prepares),
        }
    )
    for node in program.model.graph:
        node.metadata_props.clear()  # where in which file on this machine each came from
    return program.model_proto.SerializeToString()


def onnx_runner(data: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Return what computes probabilities (N, K) with ONNX Runtime on the CPU.

    Raises:
        UsageError: ONNX Runtime is not installed.
    """
    _need("onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    (name,) = (given.name for given in session.get_inputs())
    return lambda x: session.run([PROBABILITIES], {name: x})[0]


class _NativeNorm(nn.Module):
    """Response normalization as ONNX's own operator `LRN`, which divides alpha by the window's length."""

    def __init__(self, layer: Any):
        super().__init__()
        self.row = layer.row

    def forward(self, x: Tensor) -> Tensor:
        row = self.row
        attributes = {
            "size": row.size,
            "alpha": row.alpha * row.size,
            "beta": float(row.beta),
            "bias": float(row.k),
        }
        towers = [
            torch.onnx.ops.symbolic("LRN", [part], attributes, dtype=part.dtype, shape=part.shape)
            for part in x.chunk(row.groups, 1)
        ]
        return towers[0] if len(towers) == 1 else torch.cat(towers, 1)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Let torch and onnxscript not warn of each other's older names, nor of a missing torchvision."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _need(*packages: str) -> None:
    import importlib.util

    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        raise UsageError(
            f"ONNX files need {' and '.join(missing)}", remedy='run: pip install "alexnet[export]"'
        )
