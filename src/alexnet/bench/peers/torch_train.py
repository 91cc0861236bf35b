"""Training in torch: as first written, with every known setting, and compiled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.bench.peers.torch_nets import SlicedNorm, build
from alexnet.bench.pixels import CIFAR_COUNT, CIFAR_SIDE, CROP, random_labels, random_pictures
from alexnet.bench.task import Task, Work

RATE, MOMENTUM, DECAY = 0.0001, 0.9, 0.0005


def eager(task: Task) -> Work:
    """Stock modules, NCHW, no further thought."""
    net = build(task.net).to(task.device)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    return _training(task, net, optimizer, torch.contiguous_format, "nn.LocalResponseNorm, NCHW")


def tuned(task: Task, compiled: bool = False) -> Work:
    """Channels-last, normalization in slices, fused optimizer; on a GPU the faster of the two layouts."""
    if task.device == "cpu":
        return _tuned(task, torch.channels_last, compiled)
    layouts = (torch.channels_last, torch.contiguous_format)
    return min((_tuned(task, layout, compiled) for layout in layouts), key=_seconds)


def compiled(task: Task) -> Work:
    """The same under torch.compile."""
    return tuned(task, compiled=True)


def _tuned(task: Task, layout: torch.memory_format, compiled: bool) -> Work:
    torch.backends.cudnn.benchmark = True
    net = build(task.net, SlicedNorm).to(task.device, memory_format=layout)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY, fused=task.device != "mps"
    )
    model = torch.compile(net) if compiled else net
    order = "channels-last" if layout == torch.channels_last else "NCHW"
    words = f"{'torch.compile, ' * compiled}normalization in slices, {order}, fused SGD"
    return _training(task, model, optimizer, layout, words)


def _seconds(work: Work) -> float:
    """Return the time of a few steps after the first ones."""
    work.run(5)
    start = time.perf_counter()
    work.run(10)
    return time.perf_counter() - start


def _training(
    task: Task, net: nn.Module, optimizer: torch.optim.Optimizer, layout: torch.memory_format, words: str
) -> Work:
    batches = (_cifar_batches if task.net == "cifar10_19pct" else _fixed_batches)(task, layout)
    last: list[Tensor] = []
    net.train()

    def run(iterations: int) -> None:
        for _ in range(iterations):
            inputs, labels = next(batches)
            optimizer.zero_grad()
            with torch.autocast(task.device, torch.bfloat16) if task.bfloat16 else nullcontext():
                loss = F.cross_entropy(net(inputs), labels)
            loss.backward()
            optimizer.step()
            last[:] = [loss.detach()]
        float(last[0])  # waits for the device

    def check() -> dict[str, float]:
        gradients = [float(p.grad.abs().max()) for p in net.parameters()]
        return {"loss": float(last[0]), "smallest_gradient": min(gradients)}

    precision = "autocast bfloat16" if task.bfloat16 else "float32"
    return Work(run, task.batch, f"{words}, {precision}, {torch.get_num_threads()} threads", check)


def _fixed_batches(task: Task, layout: torch.memory_format) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield two batches in turn, on the device already."""
    pixels = torch.from_numpy(random_pictures(2 * task.batch, CROP).copy()).permute(0, 3, 1, 2)
    inputs = (pixels.float() - 128).to(task.device, memory_format=layout).split(task.batch)
    labels = torch.from_numpy(random_labels(2 * task.batch, 1000)).to(task.device).split(task.batch)
    while True:
        yield from zip(inputs, labels, strict=True)


def _cifar_batches(task: Task, layout: torch.memory_format) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled batches of a data set that lies on the device as uint8, epoch after epoch."""
    pixels = torch.from_numpy(random_pictures(CIFAR_COUNT, CIFAR_SIDE).copy()).permute(0, 3, 1, 2)
    pixels = pixels.contiguous(memory_format=layout).to(task.device)
    labels = torch.from_numpy(random_labels(CIFAR_COUNT, 10)).to(task.device)
    mean = pixels.float().mean(0, keepdim=True)
    while True:
        for chosen in torch.randperm(CIFAR_COUNT, device=task.device).split(task.batch):
            yield pixels[chosen].float() - mean, labels[chosen]
