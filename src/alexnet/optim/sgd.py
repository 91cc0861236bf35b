"""The paper's update rule: the velocity holds the learning rate, which LARS adapts for each tensor."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from alexnet.ops import copies, native
from alexnet.ops.trust import trust_ratio


class SGD(Optimizer):
    """Momentum with the learning rate inside the velocity.

    v <- momentum * v - weight_decay * lr * w - lr * gradient
    w <- w + v

    A lower rate therefore leaves the old velocity as it is, where `torch.optim.SGD` scales it down at once; with
    a constant rate both are the same. A rate of 0 freezes its parameters, velocity included.

    With `trust` the same rule is LARS: the rate of each tensor is lr * `ops.trust.trust_ratio`. The ratio follows
    from weight and gradient as they are, so the velocity remains the only state.

    Args:
        params: Parameters or groups, as in torch; groups may set `lr`, `weight_decay` and `trust` of their own.
        trust: Trust coefficient; None: no ratio.

    Source:
        Krizhevsky et al. 2012, section 5; weights.cu of the 2012 source. LARS: You, Gitman, Ginsburg 2017 (arXiv
        1708.03888), algorithm 1, whose velocity holds the rate too.
    """

    # As torch's, without the decorator that imports torch's compiler at the first call: more than a second.
    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0005,
        trust: float | None = None,
    ):
        for name, value in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, not {value}")
        if trust is not None and not trust > 0:
            raise ValueError(f"trust must be positive, not {trust}")
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update every parameter that has a gradient; `closure` as in torch."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and group["lr"] != 0:
                    state = self.state[parameter]
                    if "velocity" not in state:
                        state["velocity"] = torch.zeros_like(parameter)
                    _update(parameter, state["velocity"], _rate(parameter, group), group)
        return loss


def _rate(weight: torch.Tensor, group: Mapping[str, Any]) -> float:
    lr, trust = group["lr"], group["trust"]
    if trust is None:
        return lr
    return lr * float(trust_ratio(weight, weight.grad, trust, group["weight_decay"]))


def _update(weight: torch.Tensor, velocity: torch.Tensor, lr: float, group: Mapping[str, Any]) -> None:
    gradient, momentum, decay = weight.grad, group["momentum"], group["weight_decay"]
    if _same_dense_layout(weight, velocity, gradient) and native.available():
        copy = copies.current_copy(weight)
        name = f"alexnet_sgd_{native.SUFFIX[gradient.dtype]}"
        native.run(
            name, weight.numel(), weight, velocity, gradient, 0 if copy is None else copy, lr, momentum, decay
        )
        copies.mark_updated(weight, copy)
        return
    gradient = gradient.to(weight.dtype)
    velocity.mul_(momentum).add_(weight, alpha=-lr * decay).add_(gradient, alpha=-lr)
    weight.add_(velocity)


def _same_dense_layout(weight: torch.Tensor, velocity: torch.Tensor, gradient: torch.Tensor) -> bool:
    return (
        weight.device.type == "cpu"
        and weight.dtype == velocity.dtype == torch.float32
        and gradient.dtype in native.SUFFIX
        and (weight.is_contiguous() or weight.is_contiguous(memory_format=torch.channels_last))
        and all(other.stride() == weight.stride() for other in (velocity, gradient))
    )
