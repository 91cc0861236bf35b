"""Training views of packed pixels (crop, mirror, color noise, mean), image by image and as arrays."""

from __future__ import annotations

import numpy as np
import torch

from alexnet.bench.pixels import CROP, SIDE, random_pictures
from alexnet.bench.task import Task, Work

COUNT = 1024
"""Pictures to choose from: more than caches hold."""
_NOISE = np.diag([40.0, 8.0, 3.0]).astype(np.float32)
"""Colors of the noise, gray levels by coefficient."""


def torch_loop(task: Task) -> Work:
    """Fill a batch in torch, one image after the other."""
    pictures = torch.from_numpy(random_pictures(COUNT, SIDE).copy())
    mean, noise = torch.full((CROP, CROP, 3), 128.0), torch.from_numpy(_NOISE)
    room = SIDE - CROP + 1
    last: list[torch.Tensor] = []
    dtype = torch.bfloat16 if task.bfloat16 else torch.float32

    def run(iterations: int) -> None:
        for _ in range(iterations):
            out = torch.empty(task.batch, CROP, CROP, 3)
            chosen = torch.randint(COUNT, (task.batch,)).tolist()
            places = torch.randint(room, (task.batch, 2)).tolist()
            mirrors = (torch.rand(task.batch) < 0.5).tolist()
            offset = 0.1 * torch.randn(task.batch, 3) @ noise
            for n, (top, left) in enumerate(places):
                crop = pictures[chosen[n], top : top + CROP, left : left + CROP]
                torch.sub(crop.flip(1) if mirrors[n] else crop, mean, out=out[n])
                out[n] += offset[n]
            last[:] = [out.to(dtype).permute(0, 3, 1, 2)]

    kind = "bfloat16" if task.bfloat16 else "float32"
    words = f"torch, a loop over images, {kind} NHWC, {torch.get_num_threads()} threads"
    return Work(run, task.batch, words, lambda: {"mean": float(last[0].float().mean())})


def numpy_loop(task: Task) -> Work:
    """Fill a batch in numpy, one image after the other, in place."""
    from alexnet.core.keys import Key

    pictures, mean = random_pictures(COUNT, SIDE), np.full((CROP, CROP, 3), 128, np.float32)
    room, key = SIDE - CROP + 1, Key.from_seed(0)
    last: list[np.ndarray] = [np.empty(0)]
    steps = [0]

    def run(iterations: int) -> None:
        for _ in range(iterations):
            out = np.empty((task.batch, CROP, CROP, 3), np.float32)
            draws = key.uniform(steps[0], np.arange(task.batch), 4)
            chosen, top, left = (draws[:, :3] * (COUNT, room, room)).astype(int).T
            offset = (0.1 * key.normal(steps[0], np.arange(task.batch), 3) @ _NOISE).astype(np.float32)
            for n in range(task.batch):
                crop = pictures[chosen[n], top[n] : top[n] + CROP, left[n] : left[n] + CROP]
                np.subtract(crop[:, ::-1] if draws[n, 3] < 0.5 else crop, mean, out=out[n])
                out[n] += offset[n]
            last[:] = [out]
            steps[0] += 1

    words = "numpy, a loop over images in place, float32 NHWC, 1 thread"
    return Work(run, task.batch, words, lambda: {"mean": float(last[0].mean())})
