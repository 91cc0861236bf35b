"""Times, on a CUDA GPU, each part of a step of the paper's network beside torch's own ways of computing it.

    python benchmarks/gpu_layers.py [--batch 1024] [--save FILE] [--small]

One line a measurement: part, way, milliseconds, and what that is in TFLOP/s or GB/s. A way that fails says why and
the others go on. `--small` runs it once at a size for Triton's interpreter (TRITON_INTERPRET=1), to see that it runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from alexnet.core.keys import Key
from alexnet.gpu.dropout import relu_dropout
from alexnet.gpu.resident import Resident
from alexnet.gpu.sgd import sgd_update
from alexnet.gpu.space_to_depth import block_conv2d
from alexnet.gpu.stage import relu_lrn_pool_towers
from alexnet.gpu.view import DeviceDraws, resident_views
from alexnet.ops.fused import Norm, Pool

LAYERS = {
    "conv1": (3, 96, 11, 4, 0, 1, 227), "conv2": (96, 256, 5, 1, 2, 2, 27), "conv3": (256, 384, 3, 1, 1, 1, 13),
    "conv4": (384, 384, 3, 1, 1, 2, 13), "conv5": (384, 256, 3, 1, 1, 2, 13),
}  # fmt: skip
"""Inputs, maps, kernel, stride, padding, groups, side."""
STAGES = {
    "stage1": (96, 55, Norm(groups=2), Pool(3, 2), 1, 2), "stage2": (256, 27, Norm(groups=2), Pool(3, 2), 2, 1),
    "stage3": (384, 13, None, None, 1, 2), "stage5": (256, 13, None, Pool(3, 2), 2, 1),
}  # fmt: skip
"""Maps, side, normalization, pooling, tensors in and out."""
DTYPE = torch.bfloat16


class Clock:
    """Measures and reports; `small` calls once."""

    def __init__(self, device: torch.device, small: bool):
        self.device, self.small, self.lines = device, small, []

    def measure(
        self, part: str, way: str, work: Callable[[], object], *, flops: float = 0, size: float = 0
    ) -> None:
        """Report the median of 20 runs after 5."""
        try:
            times = [self._once(work) for _ in range(1 if self.small else 25)]
        except Exception as error:  # one failure must not lose the other numbers
            line = {"part": part, "way": way, "failed": " ".join(str(error).split())[:300]}
        else:
            seconds = statistics.median(times[5:] or times)
            line = {"part": part, "way": way, "milliseconds": 1000 * seconds}
            line |= {"tflops": flops / seconds / 1e12} if flops else {"gb_per_second": size / seconds / 1e9}
        self.lines.append(line)
        print(json.dumps(line), flush=True)

    def _once(self, work: Callable[[], object]) -> float:
        if self.device.type != "cuda":
            start = time.perf_counter()
            work()
            return time.perf_counter() - start
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000


def maps(shape: tuple[int, ...], device: torch.device, *, last: bool = True) -> torch.Tensor:
    """Return random maps that take gradients."""
    x = torch.randn(shape, device=device).to(DTYPE)
    return (x.contiguous(memory_format=torch.channels_last) if last else x).requires_grad_()


def both_ways(function: Callable[[], list[torch.Tensor]]) -> Callable[[], None]:
    """Return a run of a forward and a backward pass."""
    gradients: list[torch.Tensor] = []

    def run() -> None:
        found = function()
        gradients[:] = gradients or [torch.randn_like(y) for y in found]
        torch.autograd.backward(found, gradients)

    return run


def convolutions(clock: Clock, batch: int, scale: int) -> None:
    """Forward and backward: one grouped convolution or two, both layouts, chosen by rule or by search."""
    for name, (inputs, outputs, kernel, stride, pad, groups, side) in LAYERS.items():
        inputs, outputs = max(inputs // scale, min(inputs, 3)), outputs // scale
        places = (side + 2 * pad - kernel) // stride + 1
        passes = 2 if name == "conv1" else 3
        flops = 2 * passes * batch * outputs * places**2 * inputs // groups * kernel**2
        for last in (True, False):
            layout = "channels-last" if last else "NCHW"
            x = maps((batch, inputs, side, side), clock.device, last=last).detach()
            weight = maps((outputs, inputs // groups, kernel, kernel), clock.device, last=last)
            x.requires_grad_(name != "conv1")

            def grouped(x=x, w=weight, s=stride, p=pad, g=groups):
                return [F.conv2d(x, w, None, s, p, groups=g)]

            for search in (False, True):
                with torch.backends.cudnn.flags(enabled=True, benchmark=search, deterministic=not search):
                    way = f"{'groups=2' if groups == 2 else 'one'}, {layout}, {'search' if search else 'rule'}"
                    clock.measure(name, way, both_ways(grouped), flops=flops)
        if groups == 2:
            xs = [maps((batch, inputs // 2, side, side), clock.device) for _ in range(2)]
            ws = [maps((outputs // 2, inputs // 2, kernel, kernel), clock.device) for _ in range(2)]

            def apart(xs=xs, ws=ws, p=pad):
                return [F.conv2d(x, w, None, 1, p) for x, w in zip(xs, ws, strict=True)]

            for search in (False, True):
                with torch.backends.cudnn.flags(enabled=True, benchmark=search, deterministic=not search):
                    clock.measure(
                        name, f"two tensors, {'search' if search else 'rule'}", both_ways(apart), flops=flops
                    )
    blocks = maps((batch, 48, 57, 57), clock.device).detach()
    weight = maps((96 // scale, 3, 11, 11), clock.device)
    flops = 4 * batch * (96 // scale) * 55**2 * 363
    for search in (False, True):
        with torch.backends.cudnn.flags(enabled=True, benchmark=search, deterministic=not search):
            run = both_ways(lambda: [block_conv2d(blocks, weight, stride=4)])
            clock.measure("conv1", f"blocks of 4 x 4, {'search' if search else 'rule'}", run, flops=flops)


def stages(clock: Clock, batch: int, scale: int) -> None:
    """Bias, ReLU, normalization and pooling, forward and backward."""
    chosen = {name: STAGES[name] for name in list(STAGES)[:: 2 if clock.small else 1]}
    for name, (count, side, norm, pool, inputs, outputs) in chosen.items():
        count, side = count // scale, side if scale == 1 else 7
        xs = [maps((batch, count // inputs, side, side), clock.device) for _ in range(inputs)]
        bias = torch.randn(count, device=clock.device, requires_grad=True)
        pooled = (pool.places(side) if pool else side) ** 2
        size = 2 * batch * count * (3 * side**2 + 2 * pooled)

        def ours(xs=xs, bias=bias, norm=norm, pool=pool, outputs=outputs):
            return relu_lrn_pool_towers(xs, bias, norm=norm, pool=pool, outputs=outputs)

        def theirs(xs=xs, bias=bias, norm=norm, pool=pool):
            x = (torch.cat(xs, 1) + bias[:, None, None].to(DTYPE)).relu()
            if norm:
                x = F.local_response_norm(x, norm.size, norm.alpha * norm.size, norm.beta, norm.k)
            return [F.max_pool2d(x, pool.size, pool.stride) if pool else x]

        clock.measure(name, "ours", both_ways(ours), size=size)
        clock.measure(name, "torch eager, windows over all maps", both_ways(theirs), size=size)
        if not clock.small:
            clock.measure(
                name, "torch.compile, windows over all maps", both_ways(torch.compile(theirs)), size=size
            )


def rest(clock: Clock, batch: int, scale: int) -> None:
    """Fully connected layers, dropout, the update, and views."""
    device, units = clock.device, 4096 // scale
    for name, (inputs, outputs) in {"fc6": (9216, 4096), "fc7": (4096, 4096), "fc8": (4096, 1000)}.items():
        x, w = (
            torch.randn(shape, device=device).div_(100).to(DTYPE).requires_grad_()
            for shape in ((batch, inputs // scale), (outputs // scale, inputs // scale))
        )
        flops = 6 * x.numel() * len(w)
        clock.measure(name, "linear", both_ways(lambda x=x, w=w: [F.linear(x, w)]), flops=flops)
    x, bias = maps((batch, units), device, last=False), torch.zeros(units, device=device, requires_grad=True)
    step, samples = torch.zeros(1, dtype=torch.int64, device=device), torch.arange(batch, device=device)
    run = both_ways(lambda: [relu_dropout(x, bias, Key(1), step, samples)])
    clock.measure("drop6", "ours: bias, ReLU, keyed dropout", run, size=2 * 5 * x.numel())
    run = both_ways(lambda: [F.dropout((x + bias.to(DTYPE)).relu())])
    clock.measure("drop6", "torch eager", run, size=2 * 5 * x.numel())
    count = 58_000_000 // scale**4
    weight, velocity, gradient = (torch.randn(count, device=device) for _ in range(3))
    narrow, copy = gradient.to(DTYPE), weight.to(DTYPE)
    rates = torch.tensor([1e-4, 0.9, 5e-4], device=device)
    run = lambda: sgd_update(weight, velocity, narrow, rates, copy)  # noqa: E731
    clock.measure("update", "ours: bfloat16 gradient and copy", run, size=20 * count)
    parameter = torch.nn.Parameter(weight.clone())
    parameter.grad = gradient
    for way in ("foreach", "fused"):
        optimizer = torch.optim.SGD([parameter], lr=1e-4, momentum=0.9, weight_decay=5e-4, **{way: True})
        clock.measure("update", f"torch.optim.SGD {way}, float32", optimizer.step, size=20 * count)
    views(clock, batch, scale)


def views(clock: Clock, batch: int, scale: int) -> None:
    """Gather, crop, mirror, color and mean, written as blocks for the first layer."""
    device, side, crop = clock.device, 256 // scale, 224 // scale
    count = 4 * batch
    draws = DeviceDraws(
        torch.randint(count, (batch,), device=device),
        torch.randint(2, (batch, 3), dtype=torch.int32, device=device),
        torch.rand(batch, 5, device=device),
    )
    mean = torch.rand(crop, crop, 3, device=device)
    for planes in (True, False):
        shape = (side * side * 3 // 2,) if planes else (side, side, 3)
        pixels = torch.randint(256, (count, *shape), dtype=torch.uint8, device=device)
        pictures = Resident(pixels, (side, side, 3), planes)
        blocks = (4, 0, (crop + 3 - 11) // 4 + 3)
        size = batch * (crop * crop * 3 // (2 if planes else 1) + 2 * 48 * blocks[2] ** 2)
        run = lambda pictures=pictures, blocks=blocks: resident_views(pictures, draws, mean, blocks=blocks)  # noqa: E731
        clock.measure("views", "YUV 4:2:0" if planes else "RGB", run, size=size)


def main() -> None:
    """Measure everything, the heaviest parts first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch, scale = (1, 16) if options.small else (options.batch, 1)
    clock = Clock(device, options.small)
    for part in (stages, convolutions, rest):
        part(clock, batch, scale)
        if options.save:
            options.save.write_text(json.dumps({"batch": batch, "results": clock.lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
