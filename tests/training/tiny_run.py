"""The smallest run that has every part of a real one: crops, mirrors, color noise, LRN, groups, dropout."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from alexnet.core.keys import Key
from alexnet.nets.initialize import initialize
from alexnet.nets.network import Network
from alexnet.nets.rows import Activation, Conv, Dropout, Linear, Lrn, Pool
from alexnet.nets.tables import NetSpec
from alexnet.optim.config import OptimConfig
from alexnet.optim.groups import build_optimizer
from alexnet.optim.schedule import Constant, Stage, Stages
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Feed
from alexnet.training.fit import Learner, Validation, fit
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult
from alexnet.views.config import ViewConfig
from alexnet.views.plan import Picture

CLASSES, PER_CLASS, SIDE, CROP = 4, 9, 12, 8
COUNT = CLASSES * PER_CLASS
VIEW = ViewConfig(crop=CROP, color_noise="code2012")
TRAIN = TrainConfig(epochs=2, batch_size=8)
STAGES = Stages(
    stages=(
        Stage(epoch=0, scale=1.0),
        Stage(epoch=0.4, scale=0.5, bias_scale=0.25),
        Stage(epoch=1, scale=0.5, layers={"conv1": 0.0}, color_noise=False),
    )
)
SPEC = NetSpec(
    name="tiny",
    table=(
        Conv("conv1", 6, kernel=3, std=0.1),
        Activation("relu1"),
        Lrn("norm1", groups=2, alpha=0.01),
        Pool("pool1", 2, 2),
        Conv("conv2", 8, kernel=3, pad=1, groups=2, std=0.1, bias=0.1),
        Activation("relu2"),
        Linear("fc3", 16, std=0.1, bias=0.1),
        Activation("relu3"),
        Dropout("drop3"),
        Linear("fc4", None, std=0.1),
    ),
    input_shape=(3, CROP, CROP),
    num_classes=CLASSES,
    source="",
)


@dataclass
class MemoryImages:
    """Pictures whose class is their color, with noise."""

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def read(self, indices, out=None):
        return np.take(self.pixels, indices, axis=0, out=out)


def images(seed=0) -> MemoryImages:
    random = np.random.default_rng(seed)
    labels = np.arange(COUNT, dtype=np.int32) % CLASSES
    colors = np.array([[180, 60, 60], [60, 180, 60], [60, 60, 180], [150, 150, 40]])[labels]
    pixels = colors[:, None, None, :] + random.integers(-50, 51, (COUNT, SIDE, SIDE, 3))
    return MemoryImages(pixels.astype(np.uint8), labels)


def picture(pictures: MemoryImages) -> Picture:
    pixels = pictures.pixels.astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(pixels.reshape(-1, 3).T))
    return Picture(
        shape=(SIDE, SIDE, 3),
        mean_image=pixels.mean(0).astype(np.float32),
        eigenvalues=values,
        eigenvectors=vectors,
    )


def feed(*, view=VIEW, config=TRAIN, seed=0, pictures=None) -> Feed:
    pictures = pictures or images()
    return Feed(pictures, np.arange(COUNT), view, picture(pictures), Key.from_seed(seed), config)


def network(seed=0) -> Network:
    net = Network(SPEC, CLASSES)
    initialize(net, net.table, Key.from_seed(seed))
    return net.to(memory_format=torch.channels_last)


def learner(*, config=TRAIN, schedule=STAGES, seed=0, init_seed=0, lr=0.01) -> Learner:
    net = network(init_seed)
    optimizer = build_optimizer(net, OptimConfig(lr=lr, bias_lr=2 * lr))
    return Learner(net, optimizer, schedule, config, torch.device("cpu"), Key.from_seed(seed))


def validations(net: Network) -> list[Validation]:
    """The error on the training pictures' centers, by a path of its own."""
    pictures = images()
    net.eval()
    with torch.no_grad():
        x = torch.from_numpy(pictures.pixels[:, 2:10, 2:10].astype(np.float32) - np.float32(120))
        logits = net(x.permute(0, 3, 1, 2))
        labels = torch.from_numpy(pictures.labels.astype(np.int64))
        loss = float(torch.nn.functional.cross_entropy(logits, labels))
        error = float((logits.argmax(1) != labels).double().mean())
    return [Validation(loss=loss, top1_error=error, top5_error=0.0, count=COUNT, split="holdout", selects=True)]


class Recorder:
    """A hook that notes what it is told."""

    def __init__(self):
        self.losses, self.results, self.rates, self.times = [], [], [], []
        self.epochs, self.steps = [], []

    def after_step(self, state, result: StepResult, rates, times):
        self.losses.append(result.loss)
        self.results.append(result)
        self.rates.append(rates)
        self.times.append(times)
        self.steps.append((state.step, state.epoch, state.batch))

    def after_epoch(self, state, found, improved):
        self.epochs.append((state.epoch, state.step, list(found), improved))


def train(*hooks, config=TRAIN, state=None, pictures=None, view=VIEW, validate=validations, **options):
    """Train and return the learner, its state and what a recorder saw."""
    made = learner(config=config, **options)
    state, recorder = state or TrainState(), Recorder()
    source = feed(view=view, config=config, pictures=pictures)
    fit(made, source, state, [recorder, *hooks], lambda: validate(made.net))
    return made, state, recorder


def weights(made: Learner) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in made.net.named_parameters()}


def velocities(made: Learner) -> dict[str, torch.Tensor]:
    state = made.optimizer.state
    return {n: state[p]["velocity"].clone() for n, p in made.net.named_parameters() if "velocity" in state[p]}


def same_bits(first: Learner, second: Learner) -> bool:
    """Whether weights and velocities are equal, bit for bit."""
    pairs = [(weights(first), weights(second)), (velocities(first), velocities(second))]
    return all(a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a) for a, b in pairs)


def plain(**changes) -> TrainConfig:
    return replace(TRAIN, **changes)


NO_NOISE = replace(VIEW, color_noise="off")
CONSTANT = Constant()
