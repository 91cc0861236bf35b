"""What networks of other people draw from torch's own generators, made a function of the run's keys.

The only module that touches those generators. This package's layers draw from keys and never read them.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from alexnet.core.keys import Key
from alexnet.ops.dropout import current_draws


@contextlib.contextmanager
def drawn_from(key: Key, devices: list[torch.device] | None = None) -> Iterator[None]:
    """Let torch's generators draw what `key` says inside the block, and leave them as they were.

    Args:
        devices: CUDA devices whose generators count; the CPU's always does.
    """
    with torch.random.fork_rng(devices or []):
        torch.manual_seed(key.value >> 1)
        yield


def draw_by_keys(net: nn.Module) -> None:
    """Make what a network draws in training a function of the run's seed, the step and the batch's images.

    It is then the same after a resume as in an unbroken run, and in the same program the same for any number of
    loader workers. Unlike the masks of `Dropout` here it depends on how a batch is cut into parts.
    """
    drawing: list[contextlib.ExitStack] = []

    def before(module: nn.Module, _: Any) -> None:
        drawing.append(stack := contextlib.ExitStack())
        if module.training and (draws := current_draws()) is not None:
            first = next(module.parameters()).device
            devices = [first] if first.type == "cuda" else []
            key = draws.key.derive("torch").derive(draws.step).derive(int(draws.samples[0]))
            stack.enter_context(drawn_from(key, devices))

    def after(*_: Any) -> None:
        drawing.pop().close()

    net.register_forward_pre_hook(before)
    net.register_forward_hook(after, always_call=True)


def without_draws(net: nn.Module) -> nn.Module:
    """Return a copy that draws as torch does: for programs that only evaluate, and could not follow the hooks."""
    plain = copy.deepcopy(net)
    plain._forward_pre_hooks.clear()
    plain._forward_hooks.clear()
    plain._forward_hooks_always_called.clear()
    return plain.eval()
