"""Operations that torch knows by name: one node for its compiler, one derivative for autograd."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from alexnet.ops.uncompiled import uncompiled


class Operator:
    """A function of tensors under a name, and what torch must know of it besides.

    As `torch.library.custom_op` makes them, whose operators import torch's compiler when they are first called.

    Args:
        name: As `alexnet::windows`.
        function: Makes new tensors of its arguments, on any device, and changes none of them.
    """

    def __init__(self, name: str, function: Callable[..., Any]):
        self.name = name
        self._differentiate, self._setup_context = _no_derivative, _keep_nothing
        schema = torch.library.infer_schema(function, mutates_args=())
        torch.library.define(name, schema, tags=torch.Tag.pt2_compliant_tag)
        torch.library.impl(name, "default", uncompiled(function))
        torch.library.register_autograd(
            name,
            lambda ctx, *grads: self._differentiate(ctx, *grads),
            setup_context=lambda ctx, inputs, output: self._setup_context(ctx, inputs, output),
        )
        namespace, _, own_name = name.partition("::")
        self._overload = getattr(getattr(torch.ops, namespace), own_name).default

    def __call__(self, *arguments: Any) -> Any:
        """Return what the function returns, with its derivative."""
        return self._overload(*arguments)

    def register_fake(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Take the function that makes outputs without values, of arguments without values."""
        return torch.library.register_fake(self.name, function)

    def register_autograd(
        self, differentiate: Callable[..., Any], *, setup_context: Callable[..., None]
    ) -> None:
        """Take the derivative: `backward` and `setup_context` as of a `torch.autograd.Function`."""
        self._differentiate, self._setup_context = differentiate, setup_context


def operator(name: str) -> Callable[[Callable[..., Any]], Operator]:
    """Return the decorator that makes a function the operator of this name."""
    return functools.partial(Operator, name)


def _keep_nothing(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    pass


def _no_derivative(ctx: Any, *grads: Any) -> Any:
    raise RuntimeError("the operator has no derivative")
