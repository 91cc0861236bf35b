"""A network of somebody's own, shared by two processes."""

import numpy as np
import torch
from processes import in_ranks
from torch import nn

from alexnet.core.keys import Key
from alexnet.nets.own import build_own, make_known
from alexnet.optim.config import OptimConfig
from alexnet.optim.groups import build_optimizer
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Batch
from alexnet.training.parallel_step import ParallelStepper


def dropping(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, num_classes))


def test_two_processes_draw_for_their_own_images_and_hold_the_same_weights():
    (mine, masks), (theirs, others) = in_ranks(2, two_steps)
    assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
    assert not torch.equal(masks, others)


def two_steps(ranks):
    make_known("x:dropping", dropping)
    net, masks = build_own("x:dropping", 3, (3, 8, 8), Key.from_seed(1)), []
    net[1].register_forward_hook(lambda module, inputs, outputs: masks.append(outputs == 0))
    optimizer, key = build_optimizer(net, OptimConfig()), Key.from_seed(0)
    stepper = ParallelStepper(net, optimizer, TrainConfig(), key, ranks, None)
    samples = np.arange(4) + 4 * ranks.world.rank
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(int(samples[0])))
    for step in range(2):
        batch = Batch(x, torch.tensor([0, 1, 2, 0]), samples, whole=8)
        stepper.begin(stepper.bring(batch), step).result()
    return [p.detach().clone() for p in net.parameters()], torch.stack(masks)
