"""Operations that torch knows by name: one node for its compiler, one derivative for autograd."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from alexnet.ops.uncompiled import uncompiled

_PLAIN = (torch.Tensor, torch.nn.Parameter)


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
        self._function = function
        self._node = self._make_node(own_name)

    def __call__(self, *arguments: Any) -> Any:
        """Return what the function returns, with its derivative.

        Where nobody follows, its name is not needed: finding a function by it takes longer than a small stage.
        """
        tensors = [a for a in arguments if isinstance(a, torch.Tensor)]
        if not unwatched(*tensors):
            return self._overload(*arguments)
        if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
            return self._node.apply(*arguments)
        return self._function(*arguments)

    def _make_node(self, name: str) -> type[torch.autograd.Function]:
        def forward(
            ctx: Any, *arguments: Any
        ) -> Any:  # with a `setup_context` torch reads its signature at each call
            output = self._function(*arguments)
            self._setup_context(ctx, arguments, output)
            return output

        def backward(ctx: Any, *grads: Any) -> Any:
            return self._differentiate(ctx, *grads)

        methods = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
        return type(name, (torch.autograd.Function,), methods)

    def register_fake(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Take the function that makes outputs without values, of arguments without values."""
        return torch.library.register_fake(self.name, function)

    def register_autograd(
        self, differentiate: Callable[..., Any], *, setup_context: Callable[..., None]
    ) -> None:
        """Take the derivative: `backward` and `setup_context` as of a `torch.autograd.Function`."""
        self._differentiate, self._setup_context = differentiate, setup_context


def unwatched(*tensors: torch.Tensor) -> bool:
    """Say whether no compiler, tracer, transform or dispatch mode follows what is done to these tensors."""
    return (
        all(type(t) in _PLAIN and t.device.type != "meta" for t in tensors)
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and not torch._C._len_torch_dispatch_stack()
        and torch._C._functorch.peek_interpreter_stack() is None
    )


def operator(name: str) -> Callable[[Callable[..., Any]], Operator]:
    """Return the decorator that makes a function the operator of this name."""
    return functools.partial(Operator, name)


def _keep_nothing(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    pass


def _no_derivative(ctx: Any, *grads: Any) -> Any:
    raise RuntimeError("the operator has no derivative")
