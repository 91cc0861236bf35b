"""The paper's network made small, trained on handwritten digits: whole in one process, or in towers in several."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from alexnet.core.errors import AlexNetError
from alexnet.core.keys import Key
from alexnet.nets.alexnet import ALEXNET
from alexnet.nets.initialize import initialize
from alexnet.nets.network import Network
from alexnet.nets.rows import Dropout
from alexnet.nets.tables import change, insert_after, weighted
from alexnet.optim.config import OptimConfig
from alexnet.optim.groups import build_optimizer
from alexnet.runs.sharing import laid_out, saving, shared
from alexnet.runs.tensors import Start, Tensors, gathered, give_start
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Feed
from alexnet.training.fit import Learner, fit
from alexnet.training.state import TrainState
from alexnet.views.config import ViewConfig
from alexnet.views.plan import Picture
from nets.small_networks import small
from training import tiny_run

SIDE, BATCH, COUNT, LR = 28, 8, 397, 0.01
STEPS = -(-COUNT // BATCH)
"""The last batch has five images."""
TOWERS = TrainConfig(epochs=1, batch_size=BATCH, parallel="towers")


def spec():
    """A sixteenth of every width, a first layer for small pictures, and weights that make every part matter."""
    table = small(ALEXNET, 16).table
    table = change(table, "conv1", kernel=5, stride=1, pad_after=0)
    table = change(
        change(table, *(row.name for row in weighted(table)), std=0.15, bias=0.1), "norm1", "norm2", alpha=0.1
    )
    table = insert_after(table, "pool2", Dropout("drop2", rate=0.1))
    return replace(ALEXNET, name="small", table=table, input_shape=(1, SIDE, SIDE), num_classes=10)


def digits(folder):
    """Return the first training images of MNIST."""
    parts = []
    for name, header, size in (("images-idx3", 16, SIDE**2), ("labels-idx1", 8, 1)):
        with gzip.open(folder / "mnist" / f"train-{name}-ubyte.gz") as stream:
            parts.append(np.frombuffer(stream.read(header + COUNT * size), np.uint8)[header:])
    pixels, labels = parts
    return tiny_run.MemoryImages(pixels.reshape(-1, SIDE, SIDE, 1), labels.astype(np.int32))


def network(dtype):
    net = Network(spec(), 10)
    initialize(net, net.table, Key.from_seed(2))
    return net.to(dtype)


def feed(folder, config, dtype):
    images = digits(folder)
    mean = images.pixels.mean(0, dtype=np.float64).astype(np.float32)
    view = ViewConfig(crop=SIDE, scale=1 / 64)
    picture = Picture(shape=mean.shape, mean_image=mean, eigenvalues=np.ones(1), eigenvectors=np.eye(1))
    return Feed(images, np.arange(COUNT), view, picture, Key.from_seed(5), config, dtype)


def named(tensors):
    """Return weights, buffers and velocities as arrays under one name each."""
    arrays = {name: t.detach().numpy().copy() for name, t in tensors.model.items()}
    return arrays | {f"velocity of {name}": t.numpy().copy() for name, t in tensors.velocity.items()}


def train(ranks, folder, config, dtype=torch.float64):
    """Train for an epoch; return the whole network in the first process, what a recorder saw, and what saving says
    when the last process has a weight that is not a number.
    """
    whole = network(dtype)
    net, layout = laid_out(whole, config, ranks)
    source = feed(folder, config, dtype)
    learner = Learner(
        net,
        build_optimizer(net, OptimConfig(lr=LR)),
        tiny_run.CONSTANT,
        config,
        torch.device("cpu"),
        source.key,
    )
    if not ranks.world.is_alone:
        learner, source = shared(learner, source, layout)
    state = give_start(learner, Start(TrainState(), Tensors(whole.state_dict(), {})), layout)
    recorder = tiny_run.Recorder()
    fit(learner, source, state, [recorder], tuple)
    trained = gathered(learner, layout)
    return trained and named(trained), recorder, spoiled(learner, layout)


def spoiled(learner, layout):
    """Return the error that saving ends with."""
    save = saving(learner, layout, lambda state, whole: Path("a checkpoint"))
    save(TrainState(step=STEPS))
    if layout.ranks.world.rank == layout.ranks.world.size - 1:
        learner.net.get_parameter("fc7.weight").data[3, 5] = torch.nan
    try:
        save(TrainState(step=STEPS + 1))
    except AlexNetError as error:
        return str(error)


def start():
    """Return the weights before the first step."""
    return named(Tensors(network(torch.float64).state_dict(), {}))
