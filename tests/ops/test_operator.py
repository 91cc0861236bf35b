"""Operators under a name: what torch knows of them, and that its compiler leaves their insides alone."""

import pytest
import torch
import torch.fx.experimental.proxy_tensor
import torch.utils._python_dispatch
from torch import Tensor

from alexnet.ops.operator import operator
from alexnet.ops.uncompiled import uncompiled


@operator("alexnet_tests::cube")
def cube(x: Tensor, factor: float) -> Tensor:
    return factor * x**3


@cube.register_fake
def _(x, factor):
    return torch.empty_like(x)


def keep(ctx, inputs, output):
    x, ctx.factor = inputs
    ctx.save_for_backward(x)


def differentiate(ctx, grad):
    (x,) = ctx.saved_tensors
    return 3 * ctx.factor * grad * x**2, None


cube.register_autograd(differentiate, setup_context=keep)


@operator("alexnet_tests::double")
def double(x: Tensor) -> Tensor:
    return 2 * x


@double.register_fake
def _(x):
    return torch.empty_like(x)


def test_an_operator_has_what_it_was_given():
    x = torch.linspace(-1, 1, 7, dtype=torch.float64).requires_grad_()
    assert torch.equal(cube(x, 2.0), 2 * x**3)
    assert torch.autograd.gradcheck(lambda x: cube(x, 2.0), x)
    torch.library.opcheck(torch.ops.alexnet_tests.cube.default, (x, 2.0))
    assert cube(x.to("meta"), 2.0).shape == (7,)


def test_an_operator_without_derivative_says_so():
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="has no derivative"):
        double(x).sum().backward()
    assert torch.equal(double(x.detach()), 2 * x)


def test_the_compiler_calls_a_function_and_never_looks_into_it():
    seen = []

    @uncompiled
    def outside(x, factor=1):
        seen.append(torch.compiler.is_compiling())
        return x.numpy().sum() * factor

    @torch.compile(backend="eager")
    def compiled(x):
        return x + outside(x, factor=2)

    torch.compiler.reset()
    for count in (3, 4, 5, 6):
        assert torch.equal(compiled(torch.ones(count)), torch.ones(count) + 2 * count)
    assert seen == [False] * 4
    assert outside(torch.ones(3)) == 3
    torch.compiler.reset()


@pytest.mark.parametrize("followed", [False, True])
def test_followed_or_not_it_computes_the_same(followed, monkeypatch):
    if followed:
        monkeypatch.setattr("alexnet.ops.operator.unwatched", lambda *tensors: False)
    x = torch.linspace(-1, 1, 7, dtype=torch.float64).requires_grad_()
    cube(x, 2.0).sum().backward()
    assert torch.equal(x.grad, 6 * x.detach() ** 2)
    assert not cube(x.detach(), 2.0).requires_grad
    with torch.no_grad():
        assert not cube(x, 2.0).requires_grad


def test_whoever_follows_sees_the_operator_by_its_name():
    seen = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            seen.append(str(function))
            return function(*arguments, **(options or {}))

    with Watch():
        cube(torch.ones(2), 2.0)
    assert "alexnet_tests.cube.default" in seen
    traced = torch.fx.experimental.proxy_tensor.make_fx(lambda x: cube(x, 2.0))(torch.ones(2))
    assert "alexnet_tests.cube" in traced.code
