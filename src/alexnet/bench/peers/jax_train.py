"""Training in plain JAX: one jitted step over NHWC maps, towers as separate convolutions.

`feature_group_count` in place of the separate convolutions was several times slower on a CPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # others are on the GPU too

import jax
import jax.numpy as jnp
from jax import lax

from alexnet.bench.pixels import CIFAR_COUNT, CIFAR_SIDE, CROP, random_labels, random_pictures
from alexnet.bench.task import Absent, Task, Work

RATE, MOMENTUM, DECAY = 0.0001, 0.9, 0.0005


class Layer(NamedTuple):
    """A convolution with what follows it."""

    channels: int
    kernel: int
    stride: int = 1
    pad: int = 0
    towers: int = 1
    norm: bool = False
    pool: str = ""


CONVOLUTIONS = {
    "alexnet": (
        Layer(96, 11, 4, 2, norm=True, pool="max"),
        Layer(256, 5, 1, 2, towers=2, norm=True, pool="max"),
        Layer(384, 3, 1, 1),
        Layer(384, 3, 1, 1, towers=2),
        Layer(256, 3, 1, 1, towers=2, pool="max"),
    ),
    "alexnet_owt": (
        Layer(64, 11, 4, 2, pool="max"),
        Layer(192, 5, 1, 2, pool="max"),
        Layer(384, 3, 1, 1),
        Layer(256, 3, 1, 1),
        Layer(256, 3, 1, 1, pool="max"),
    ),
    "cifar10_19pct": (
        Layer(32, 5, 1, 2, pool="max same"),
        Layer(32, 5, 1, 2, pool="mean same"),
        Layer(64, 5, 1, 2, pool="mean same"),
    ),
}
DENSE = {
    "alexnet": (9216, 4096, 4096, 1000),
    "alexnet_owt": (9216, 4096, 4096, 1000),
    "cifar10_19pct": (1024, 10),
}


def train(task: Task) -> Work:
    """Make ready a jitted step that reuses the memory of weights and velocities."""
    if task.device != "cuda":
        jax.config.update("jax_platforms", "cpu")
    elif jax.default_backend() != "gpu":
        raise Absent("JAX sees no GPU here")
    dtype = jnp.bfloat16 if task.bfloat16 else jnp.float32

    def loss_of(weights, inputs, labels, key):
        logits = forward(task.net, weights, inputs, key, dtype)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(weights, velocities, inputs, labels, key):
        key, now = jax.random.split(key)
        loss, gradients = jax.value_and_grad(loss_of)(weights, inputs.astype(dtype), labels, now)
        velocities = jax.tree.map(lambda v, g, w: MOMENTUM * v + g + DECAY * w, velocities, gradients, weights)
        weights = jax.tree.map(lambda w, v: w - RATE * v, weights, velocities)
        return weights, velocities, loss, key

    batches = _cifar_batches(task) if task.net == "cifar10_19pct" else _fixed_batches(task)
    weights = initial(task.net, jax.random.key(0))
    state = [weights, jax.tree.map(jnp.zeros_like, weights), jnp.zeros(()), jax.random.key(1)]

    def run(iterations: int) -> None:
        for _ in range(iterations):
            state[:] = step(state[0], state[1], *next(batches), state[3])
        jax.block_until_ready(state)

    def check() -> dict[str, float]:
        inputs, labels = next(batches)
        gradients = jax.jit(jax.grad(loss_of))(state[0], inputs.astype(dtype), labels, state[3])
        smallest = min(float(jnp.abs(g).max()) for g in jax.tree.leaves(gradients))
        return {"loss": float(state[2]), "smallest_gradient": smallest}

    return Work(
        run, task.batch, f"jax.jit, NHWC, towers apart, {dtype.__name__} layers, donated buffers", check
    )


def initial(net: str, key: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
    """Return weights and biases, convolutions (k, k, inputs, outputs) first."""
    weights, inputs, scale = [], 3, 1 / 74  # of the pixels' gray levels
    for layer in CONVOLUTIONS[net]:
        shape = (layer.kernel, layer.kernel, inputs // layer.towers, layer.channels)
        key, now = jax.random.split(key)
        weights.append((scale * jax.nn.initializers.he_normal()(now, shape), jnp.zeros(layer.channels)))
        inputs, scale = layer.channels, 1
    for rows, columns in zip(DENSE[net], DENSE[net][1:], strict=False):
        key, now = jax.random.split(key)
        weights.append((jax.nn.initializers.lecun_normal()(now, (rows, columns)), jnp.zeros(columns)))
    return weights


def forward(net: str, weights: list, x: jax.Array, key: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """Return float32 logits (N, classes) of inputs (N, H, W, 3)."""
    weights = jax.tree.map(lambda w: w.astype(dtype), weights)
    layers = CONVOLUTIONS[net]
    for layer, (weight, bias) in zip(layers, weights, strict=False):
        x = jax.nn.relu(_convolution(x, weight, layer) + bias)
        x = _pooled(_normalized(x) if layer.norm else x, layer.pool)
    x = x.reshape(len(x), -1)
    for weight, bias in weights[len(layers) : -1]:
        key, now = jax.random.split(key)
        x = jax.nn.relu(x @ weight + bias)
        x = jnp.where(jax.random.bernoulli(now, 0.5, x.shape), 2 * x, 0)
    weight, bias = weights[-1]
    return (x @ weight + bias).astype(jnp.float32)


def _convolution(x: jax.Array, weight: jax.Array, layer: Layer) -> jax.Array:
    parts = [
        lax.conv_general_dilated(
            part,
            kernel,
            (layer.stride,) * 2,
            ((layer.pad,) * 2,) * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        for part, kernel in zip(
            jnp.split(x, layer.towers, -1), jnp.split(weight, layer.towers, -1), strict=True
        )
    ]
    return jnp.concatenate(parts, -1)


def _normalized(x: jax.Array) -> jax.Array:
    square = jnp.pad(x * x, ((0, 0), (0, 0), (0, 0), (2, 2)))
    root = lax.rsqrt(2 + 1e-4 * sum(square[..., j : j + x.shape[-1]] for j in range(5)))
    return x * root * jnp.sqrt(root)


def _pooled(x: jax.Array, kind: str) -> jax.Array:
    if not kind:
        return x
    window, padding = ((1, 3, 3, 1), (1, 2, 2, 1)), "SAME" if kind.endswith("same") else "VALID"
    if kind.startswith("max"):
        return lax.reduce_window(x, -jnp.inf, lax.max, *window, padding)
    return lax.reduce_window(x, 0.0, lax.add, *window, padding) / 9


def _fixed_batches(task: Task) -> Iterator[tuple[jax.Array, jax.Array]]:
    pixels = jnp.split(jnp.asarray(random_pictures(2 * task.batch, CROP), jnp.float32) - 128, 2)
    labels = jnp.split(jnp.asarray(random_labels(2 * task.batch, 1000)), 2)
    while True:
        yield from zip(pixels, labels, strict=True)


def _cifar_batches(task: Task) -> Iterator[tuple[jax.Array, jax.Array]]:
    pixels, labels = random_pictures(CIFAR_COUNT, CIFAR_SIDE), random_labels(CIFAR_COUNT, 10)
    mean, key = pixels.mean(0, dtype="float32"), jax.random.key(2)
    while True:
        key, now = jax.random.split(key)
        order = jax.device_get(jax.random.permutation(now, CIFAR_COUNT))
        for start in range(0, CIFAR_COUNT - task.batch + 1, task.batch):
            chosen = order[start : start + task.batch]
            yield jnp.asarray(pixels[chosen] - mean), jnp.asarray(labels[chosen])
