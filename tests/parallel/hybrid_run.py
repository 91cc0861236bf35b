"""The run that hybrid processes are tested with, and one process that does the same."""

import io
import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from alexnet.core.keys import Key
from alexnet.nets.hybrid import HybridNetwork
from alexnet.nets.initialize import initialize
from alexnet.nets.layers import FlatLinear
from alexnet.nets.network import Network
from alexnet.nets.rows import Activation, Conv, Dropout, Linear, Lrn, Pool
from alexnet.nets.stages import run
from alexnet.nets.tables import NetSpec
from alexnet.ops.dropout import dropout_draws
from alexnet.optim.config import OptimConfig
from alexnet.optim.groups import build_optimizer
from alexnet.optim.sgd import SGD
from alexnet.parallel.traffic import Traffic
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Feed
from alexnet.training.fit import Learner, fit
from alexnet.training.hybrid_step import HybridStepper
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult, count_errors
from alexnet.training.stepper import Done, PlainStepper
from alexnet.views.config import ViewConfig
from alexnet.views.plan import Picture
from training import tiny_run

COUNT, BATCH, CROP, EPOCHS = 97, 8, 24, 4
"""97 images in batches of 8: 13 steps an epoch, the last one of a single image, which not all processes have."""
STEPS = EPOCHS * -(-COUNT // BATCH)
FEATURES, UNITS, CLASSES = 8 * 5 * 5, (24, 17), 10
SPEC = NetSpec(
    name="hybrid",
    table=(
        Conv("conv1", 6, kernel=5, std=0.2),
        Activation("relu1"),
        Lrn("norm1", groups=2, alpha=0.01),
        Pool("pool1", 2, 2),
        Conv("conv2", 8, kernel=3, pad=1, groups=2, std=0.2, bias=0.1),
        Activation("relu2"),
        Pool("pool2", 2, 2),
        Dropout("drop2", 0.2),
        Linear("fc3", UNITS[0], std=0.1, bias=0.1),
        Activation("relu3"),
        Dropout("drop3", inverted=True),
        Linear("fc4", UNITS[1], std=0.2, bias=0.1),
        Activation("relu4"),
        Dropout("drop4", 0.3),
        Linear("fc5", None, std=0.2),
    ),
    input_shape=(3, CROP, CROP),
    num_classes=CLASSES,
    source="",
)
CONVOLUTIONS = 6 * 3 * 25 + 6 + 8 * 3 * 9 + 8
KEY = Key.from_seed(5)
ONCE = [TrainConfig(epochs=EPOCHS, batch_size=BATCH, hybrid_scheme=s) for s in ("whole", "turns", "mixed")]
EACH = [replace(config, hybrid_updates="each") for config in ONCE[1:]]


def read_pictures(test_data):
    """Return the first training pictures of CIFAR-10."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="the parquet extra is not installed")
    file = parquet.ParquetFile(test_data / "cifar10" / "train-00000-of-00005.parquet")
    batch = next(file.iter_batches(COUNT, columns=["img", "label"]))
    encoded = batch.column(0).field("bytes").to_pylist()
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in encoded])
    return tiny_run.MemoryImages(pixels, np.array(batch.column(1).to_pylist(), np.int32))


def network(dtype=torch.float64, table=SPEC.table):
    net = Network(SPEC, CLASSES, table)
    initialize(net, net.table, KEY.derive("init"))
    return net.to(dtype, memory_format=torch.channels_last)


def feed(pictures, config, dtype):
    pixels = pictures.pixels.astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(pixels.reshape(-1, 3).T))
    picture = Picture(
        shape=pixels.shape[1:],
        mean_image=pixels.mean(0).astype(np.float32),
        eigenvalues=values,
        eigenvectors=vectors,
    )
    view = ViewConfig(crop=CROP, color_noise="code2012", scale=1 / 64)
    return Feed(pictures, np.arange(COUNT), view, picture, KEY, config, dtype)


def optimizer_of(net):
    return build_optimizer(net, OptimConfig(lr=0.05, bias_lr=0.1))


def train(net, stepper, source, config):
    """Train; return the steps' results and the learner."""
    learner = Learner(
        net, stepper.optimizer, tiny_run.CONSTANT, config, torch.device("cpu"), KEY, lambda: stepper
    )
    recorder = tiny_run.Recorder()
    fit(learner, source, TrainState(), [recorder], tuple)
    return recorder.results


def trained_alone(pictures, config, size=2, dtype=torch.float64):
    """Return the weights and velocities of one process by name, and its results.

    Args:
        size: Of how many processes it makes the passes, where the configuration asks for updates after each.
    """
    net = network(dtype)
    optimizer, key = optimizer_of(net), KEY.derive("dropout")
    if config.hybrid_updates == "each":
        stepper = EachPass(net, optimizer, config, key, size)
    else:
        stepper = PlainStepper(net, optimizer, config, key, torch.device("cpu"))
    results = train(net, stepper, feed(pictures, config, dtype), config)
    tensors = {n: p.detach().numpy() for n, p in net.named_parameters()}
    return tensors | {
        f"v {n}": optimizer.state[p]["velocity"].numpy() for n, p in net.named_parameters()
    }, results


def part_of(ranks, config, dtype):
    """Return this process's network, and what trains it."""
    net = HybridNetwork(network(dtype), ranks)
    return net, HybridStepper(net, optimizer_of(net), config, KEY.derive("dropout"), ranks)


def trained_together(ranks, pictures, configs, dtype=torch.float64):
    """Return for each configuration what `trained_alone` does, of the joined parts."""
    found = []
    for config in configs:
        net, stepper = part_of(ranks, config, dtype)
        results = train(net, stepper, feed(pictures, config, dtype).shared(ranks.world.share), config)
        tensors = {}
        for name, p in net.named_parameters():
            tensors[name] = net.shards.whole(name, p.detach()).numpy()
            tensors[f"v {name}"] = net.shards.whole(name, stepper.optimizer.state[p]["velocity"]).numpy()
        found.append((tensors, results))
    return found


@dataclass
class EachPass:
    """One process that updates the fully connected layers after each pass, as `size` processes do together."""

    net: Network
    optimizer: SGD
    config: TrainConfig
    key: Key
    size: int
    ahead, traffic = False, Traffic()

    def bring(self, batch):
        return batch

    def begin(self, batch, step):
        count, first = len(batch), [type(layer) for layer in self.net].index(FlatLinear)
        self.optimizer.zero_grad()
        with dropout_draws(self.key, step, batch.samples):
            features = run(list(self.net)[:first], batch.inputs)
        gradient, losses, errors = torch.zeros_like(features), [], 0
        for part in self._parts(count):
            x = features[part].detach().requires_grad_()
            with dropout_draws(self.key, step, batch.samples[part]):
                logits = run(list(self.net)[first:], x)
            loss = F.cross_entropy(logits, batch.labels[part])
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            gradient[part] = x.grad * len(part) / count
            losses.append(loss.item() * len(part))
            errors = errors + count_errors(logits.detach(), batch.labels[part])
        features.backward(gradient)
        self.optimizer.step()
        return Done(StepResult(sum(losses) / count, *errors.tolist(), count))

    def close(self):
        pass

    def _parts(self, count):
        shares = self._cut(np.arange(count))
        if self.config.hybrid_scheme == "mixed":
            pieces = [self._cut(share) for share in shares]
            shares = [np.concatenate(piece) for piece in zip(*pieces, strict=True)]
        return [share for share in shares if len(share)]

    def _cut(self, places):
        bounds = [len(places) * rank // self.size for rank in range(self.size + 1)]
        return [places[a:b] for a, b in itertools.pairwise(bounds)]
