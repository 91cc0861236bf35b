"""What stands between a command and its first step: torch, and not the second that its compiler takes to import."""

import os
import subprocess
import sys
from pathlib import Path

TRAINS = """
import sys, torch, tiny_run
from alexnet.ops.local_conv import local_conv2d
from alexnet.ops.lrn import local_response_norm
from alexnet.ops.spatial_norm import spatial_response_norm
from alexnet.ops.strided_conv import strided_conv2d, takes

tiny_run.train()
pictures, weight = torch.ones(1, 3, 6, 6), torch.ones(4, 3, 3, 3, requires_grad=True)
maps = pictures.clone().requires_grad_()
local_response_norm(maps).sum().backward()
spatial_response_norm(maps, size=3, alpha=0.1).sum().backward()
local_conv2d(maps, torch.ones(16, 2, 3, 3, 3), torch.ones(16, 2)).sum().backward()
pictures = pictures.contiguous(memory_format=torch.channels_last)
if takes(pictures, weight, 2, 1):
    strided_conv2d(pictures, weight, None, 2, 0, 0).sum().backward()
sys.exit("torch._dynamo" in sys.modules)
"""


def test_training_imports_no_compiler():
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", TRAINS], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr or "torch._dynamo was imported"
