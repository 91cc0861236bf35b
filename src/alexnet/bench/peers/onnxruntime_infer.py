"""Inference in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime

from alexnet.bench.peers.onnx_net import alexnet
from alexnet.bench.pixels import CROP, SIDE, random_pictures
from alexnet.bench.task import Absent, Task, Work

_EDGE = (SIDE - CROP) // 2


def infer(task: Task) -> Work:
    """Make ready a session; it computes in float32 whatever the entry allows."""
    provider = f"{'CUDA' if task.device == 'cuda' else 'CPU'}ExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise Absent("onnxruntime has no CUDA provider here (pip install onnxruntime-gpu)")
    session = onnxruntime.InferenceSession(alexnet(task.batch), providers=[provider])
    pictures = random_pictures(task.batch, SIDE)
    last: list[np.ndarray] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            crop = np.ascontiguousarray(pictures[:, _EDGE : _EDGE + CROP, _EDGE : _EDGE + CROP])
            last[:] = session.run(None, {"pixels": crop})

    def check() -> dict[str, float]:
        return {"sum": float(last[0].sum()) / task.batch}

    return Work(run, task.batch, f"{provider}, float32", check)
