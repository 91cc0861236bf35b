"""Inference in OpenVINO."""

from __future__ import annotations

import numpy as np
import openvino

from alexnet.bench.peers.onnx_net import alexnet
from alexnet.bench.pixels import CROP, SIDE, random_pictures
from alexnet.bench.task import Absent, Task, Work

_EDGE = (SIDE - CROP) // 2


def infer(task: Task) -> Work:
    """Make ready a compiled model with the precision hint of the entry."""
    if task.device != "cpu":
        raise Absent("OpenVINO has no NVIDIA device")
    precision = "bf16" if task.bfloat16 else "f32"
    core = openvino.Core()
    model = core.compile_model(
        core.read_model(alexnet(task.batch), b""),
        "CPU",
        {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"},
    )
    pictures = random_pictures(task.batch, SIDE)
    request = model.create_infer_request()
    last: list[np.ndarray] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            crop = np.ascontiguousarray(pictures[:, _EDGE : _EDGE + CROP, _EDGE : _EDGE + CROP])
            last[:] = request.infer([crop]).values()

    def check() -> dict[str, float]:
        return {"sum": float(last[0].sum()) / task.batch}

    used = model.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return Work(run, task.batch, f"latency hint, {used}", check)
