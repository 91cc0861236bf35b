"""Networks of people's own, by the name they are asked for: `package.module:factory`.

A run keeps that name as text. Nothing is imported because a file says so: whoever uses the run names it again.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.ops.torch_draws import draw_by_keys, drawn_from

Factory = Callable[..., nn.Module]
"""Called as `factory(num_classes=10)`; gives a module that makes float (N, num_classes) of float (N, C, H, W)."""

_known: dict[str, Factory] = {}


def is_own(name: str) -> bool:
    """Say whether a network's name is that of a factory of somebody's own."""
    return ":" in name


def name_of(factory: Factory) -> str:
    """Return the name that a run keeps of a factory: `module:name`."""
    kind = factory if hasattr(factory, "__qualname__") else type(factory)
    return f"{kind.__module__}:{kind.__qualname__}"


def make_known(name: str, factory: Factory | str) -> None:
    """Build networks of this name with a factory from here on, in this process.

    Args:
        factory: Itself, or where it is, as for `import_factory`.
    """
    _known[name] = import_factory(factory) if isinstance(factory, str) else factory


def import_factory(where: str) -> Factory:
    """Return what `package.module:name` stands for; a module in the working directory is found, too.

    Raises:
        UsageError: there is no such module or name, its import fails, or it cannot be called.
    """
    module, _, name = where.partition(":")
    if not module or not name:
        raise UsageError(f"{where!r} names no factory", where="--model", remedy="write package.module:factory")
    try:
        with _working_directory_first():
            found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise UsageError(
            f"cannot be imported ({type(error).__name__}: {error})", where=f"--model {where}"
        ) from error
    if not callable(found):
        raise UsageError(
            f"is a {type(found).__name__}, not a function that makes a network", where=f"--model {where}"
        )
    return found


@contextmanager
def _working_directory_first():
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path.pop(0)


def build_own(name: str, num_classes: int, input_shape: tuple[int, int, int], key: Key) -> nn.Module:
    """Build a network with its own initial values, drawn from `key`.

    Args:
        input_shape: (C, H, W) of what it will be given; layers that wait for their first input get it here.

    Raises:
        UsageError: the name has not been made known here, or what it makes is no network for these classes
            and pictures.
    """
    if name not in _known:
        raise UsageError(
            f"the network {name} is of somebody's own, and nothing is imported because a run says so",
            remedy=f"name it again: --model {name}, or in Python model=...",
        )
    with drawn_from(key):
        net = _made(name, num_classes)
        outputs = _tried(name, net, input_shape)
    if tuple(outputs.shape) != (2, num_classes):
        raise UsageError(f"gives {tuple(outputs.shape)} for 2 pictures of {num_classes} classes", where=name)
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise UsageError("has no weights to train", where=name)
    draw_by_keys(net)
    return net.train()


def _made(name: str, num_classes: int) -> nn.Module:
    try:
        net = _known[name](num_classes=num_classes)
    except TypeError as error:
        raise UsageError(f"cannot be called with num_classes ({error})", where=name) from error
    if not isinstance(net, nn.Module):
        raise UsageError(f"makes a {type(net).__name__}, not a torch.nn.Module", where=name)
    return net


def _tried(name: str, net: nn.Module, input_shape: tuple[int, int, int]) -> Tensor:
    net.eval()
    try:
        with torch.no_grad():
            outputs = net(torch.zeros(2, *input_shape))
    except (RuntimeError, ValueError, TypeError) as error:
        shape = " x ".join(map(str, input_shape))
        raise UsageError(f"cannot read pictures of {shape} ({error})", where=name) from error
    if not isinstance(outputs, Tensor):
        raise UsageError(f"gives a {type(outputs).__name__}, not a tensor of logits", where=name)
    return outputs


def classifier_name(net: nn.Module) -> str:
    """Return the name of the last layer that holds weights, in the order in which the network lists them."""
    return [name.rpartition(".")[0] for name, _ in net.named_parameters()][-1]
