"""Inference in torch, from packed uint8 pixels to probabilities."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from alexnet.bench.peers.torch_nets import SlicedNorm, build
from alexnet.bench.pixels import CROP, SIDE, random_pictures
from alexnet.bench.task import Task, Work

_EDGE = (SIDE - CROP) // 2


def eager(task: Task) -> Work:
    """Stock modules, NCHW, no further thought."""
    net = build(task.net).to(task.device).eval()
    casting = torch.autocast(task.device, torch.bfloat16) if task.bfloat16 else nullcontext()
    precision = "autocast bfloat16" if task.bfloat16 else "float32"
    return _inference(task, net, casting, f"nn.LocalResponseNorm, NCHW, {precision}")


def tuned(task: Task, compiled: bool = False) -> Work:
    """Channels-last, weights in the precision of the entry, normalization in slices."""
    torch.backends.cudnn.benchmark = True
    dtype = torch.bfloat16 if task.bfloat16 else torch.float32
    net = build(task.net, SlicedNorm).to(task.device, dtype, memory_format=torch.channels_last).eval()
    words = f"normalization in slices, channels-last, {'bfloat16' if task.bfloat16 else 'float32'} weights"
    if compiled:
        import torch._inductor.config as inductor

        inductor.freezing = True
        net, words = torch.compile(net), f"torch.compile, frozen, {words}"
    return _inference(task, net, nullcontext(), words, dtype)


def compiled(task: Task) -> Work:
    """The same under torch.compile with its constants folded and packed."""
    return tuned(task, compiled=True)


def _inference(
    task: Task,
    net: nn.Module,
    casting: AbstractContextManager,
    words: str,
    dtype: torch.dtype = torch.float32,
) -> Work:
    pictures = torch.from_numpy(random_pictures(task.batch, SIDE).copy())
    mean = torch.full((CROP, CROP, 3), 128.0, device=task.device)
    last: list[Tensor] = []

    def run(iterations: int) -> None:
        with torch.inference_mode(), casting:
            for _ in range(iterations):
                crop = pictures[:, _EDGE : _EDGE + CROP, _EDGE : _EDGE + CROP].to(task.device)
                inputs = (crop - mean).to(dtype).permute(0, 3, 1, 2)
                last[:] = [net(inputs).float().softmax(1).cpu()]

    def check() -> dict[str, float]:
        return {"sum": float(last[0].sum()) / task.batch}

    return Work(run, task.batch, f"{words}, {torch.get_num_threads()} threads", check)
