"""A run in bfloat16 reads its pictures in it: half the bytes, the same training."""

import pytest
import torch

from alexnet.bench.random_source import pack_random
from alexnet.runs.assemble import assemble
from alexnet.runs.recipe import load_recipe
from alexnet.training.feed import Feed
from alexnet.training.step import train_step

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Sixteen random pictures of ten classes."""
    with pack_random(tmp_path_factory.mktemp("random") / "pack", 16, 32, 10) as opened:
        yield opened


def run_of(pack, precision, name="cifar10-19pct", **model):
    changes = {
        "train": {"precision": precision, "batch_size": 8},
        "data": {"select_on": "none", "holdout": 0},
        "view": {"color_noise": "code2012"},
        "model": model,
    }
    return assemble(load_recipe(name, changes), pack, CPU)


def trained(pack, dtype):
    """Losses and weights after two epochs, with inputs of a type."""
    parts = run_of(pack, "bfloat16")
    learner, feed = parts.learner, parts.feed
    feed = Feed(
        feed.images, feed.indices, feed.view, feed.picture, feed.key, learner.config, dtype or feed.dtype
    )
    losses = []
    learner.net.train()
    for batch in (b for epoch in range(2) for b in feed.batches(epoch)):
        key, step = learner.key, len(losses)
        losses.append(
            train_step(learner.net, learner.optimizer, batch, learner.config, key=key, step=step).loss
        )
    return losses, [p.detach() for p in learner.net.parameters()]


def test_rounding_the_pictures_first_changes_no_bit_of_the_training(pack):
    assert run_of(pack, "bfloat16").feed.dtype == torch.bfloat16
    losses, weights = trained(pack, None)
    expected, others = trained(pack, torch.float32)
    assert losses == expected and len(losses) == 4
    assert all(torch.equal(a, b) for a, b in zip(weights, others, strict=True))


def test_a_run_in_float32_reads_float32(pack):
    assert run_of(pack, "float32").feed.dtype == torch.float32


def test_a_first_layer_that_does_not_round_reads_float32(pack):
    parts = run_of(pack, "bfloat16", edits=[{"kind": "remove", "row": "conv1"}])
    assert parts.feed.dtype == torch.float32
