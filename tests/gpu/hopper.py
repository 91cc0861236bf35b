"""Compiles, without a GPU, every kernel that a training step of the paper's network launches; prints what came out.

One line a kernel in JSON: name, narrow accesses to maps, and the bytes of shared memory.
"""

import json
import re
import sys

import torch
import triton
from triton.backends.compiler import GPUTarget

from alexnet.core.keys import Key
from alexnet.gpu import dropout, sgd, stage, view
from alexnet.gpu.resident import Resident
from alexnet.ops.fused import Norm, Pool


class Hopper:
    """Stands in for the driver of a GPU of compute capability 9.0."""

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


def compiled(kernel, programs, device, *arguments, **constants):
    """Do what `launch` does, up to the launch."""
    constants.setdefault("enable_fp_fusion", True)
    ptx = kernel.warmup(*arguments, grid=(programs,), **constants).asm["ptx"]
    narrow = len(re.findall(r"(?:ld|st)\.global\.(?:b8|b16|u8|u16)", ptx))
    shared = sum(int(size) for size in re.findall(r"\.shared .*\[(\d+)\]", ptx))
    print(json.dumps({"name": kernel.__name__, "narrow": narrow, "shared": shared}), flush=True)


def stages():
    """The five stages, in the layouts that two towers ask for."""
    for maps, side, inputs, outputs, norm, pool in (
        (96, 55, 1, 2, Norm(groups=2), Pool(3, 2)),
        (256, 27, 2, 1, Norm(groups=2), Pool(3, 2)),
        (384, 13, 1, 2, None, None),
        (384, 13, 2, 2, None, None),
        (256, 13, 2, 1, None, Pool(3, 2)),
    ):
        shape = 1, maps // inputs, side, side
        xs = [
            torch.zeros(shape, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
            for _ in range(inputs)
        ]
        bias = torch.zeros(maps, requires_grad=True)
        ys = stage.relu_lrn_pool_towers(xs, bias, norm=norm, pool=pool, outputs=outputs)
        sum(y.sum() for y in ys).backward()


def views():
    """The input in blocks, from RGB and from YUV."""
    draws = view.DeviceDraws(torch.zeros(8).long(), torch.zeros(8, 3, dtype=torch.int32), torch.zeros(8, 5))
    for shape, planes in (((256, 256, 3), False), ((98304,), True)):
        pixels = torch.zeros(2, *shape, dtype=torch.uint8)
        pictures = Resident(pixels, (256, 256, 3), planes)
        view.resident_views(pictures, draws, torch.zeros(224, 224, 3), blocks=(4, 0, 57))


def main():
    triton.runtime.driver.set_active(Hopper())
    for module in (dropout, sgd, stage, view):
        module.launch = compiled
    stage.available = lambda device: True
    stages()
    views()
    x = torch.zeros(2, 4096, dtype=torch.bfloat16)
    dropout.keyed_dropout(x, Key(1), torch.zeros(1).long(), torch.zeros(2).long())
    dropout.relu_dropout(x, torch.zeros(4096), Key(1), torch.zeros(1).long(), torch.zeros(2).long())
    weight, narrow = torch.zeros(4096), torch.zeros(4096, dtype=torch.bfloat16)
    sgd.sgd_update(weight, weight.clone(), narrow, torch.zeros(3), narrow.clone())


if __name__ == "__main__":
    sys.exit(main())
