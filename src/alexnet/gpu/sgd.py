"""`optim/sgd.py`'s rule in one pass over each parameter, ready for a CUDA graph and for 16-bit working weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor
from torch.optim import Optimizer

from alexnet.gpu.launch import launch
from alexnet.ops.trust import trust_ratio

_BLOCK = 1024


@torch.library.custom_op("alexnet::gpu_sgd", mutates_args=("weight", "velocity", "copy"))
def sgd_update(
    weight: Tensor, velocity: Tensor, gradient: Tensor, rates: Tensor, copy: Tensor | None = None
) -> None:
    """Update one parameter; with a rate of 0 everything stays as it is.

    Args:
        weight: float32, dense; all the others lie in memory as it does.
        velocity: float32.
        gradient: Any float dtype.
        rates: float32 (3) on the same device: learning rate, momentum, weight decay.
        copy: Receives the new weight in its dtype.

    Raises:
        ValueError: the tensors do not lie in memory alike.
    """
    from alexnet.gpu.kernels.sgd import update

    others = [t for t in (velocity, gradient, copy) if t is not None]
    dense = weight.is_contiguous() or weight.is_contiguous(memory_format=torch.channels_last)
    if not dense or any(t.shape != weight.shape or t.stride() != weight.stride() for t in others):
        raise ValueError("weight, velocity, gradient and copy must have one shape and one dense layout")
    count = weight.numel()
    programs = -(-count // _BLOCK)
    # Products and sums are rounded one by one, as in kernels/sgd.c: the same bits as on the CPU.
    arguments = weight, velocity, gradient, copy, rates, count
    launch(update, programs, weight.device, *arguments, block=_BLOCK, enable_fp_fusion=False)


@sgd_update.register_fake
def _(weight, velocity, gradient, rates, copy=None):
    return None


class OnePassSGD:
    """Applies an `alexnet.optim.SGD` through `sgd_update`, inside or outside a CUDA graph.

    The optimizer keeps what it has always kept: parameters in float32 and their velocities, so that checkpoints do not
    change. What is new lies on the device: the rates, and a switch that holds the weights where a loss is not finite.

    Args:
        optimizer: Its groups name parameters, `lr`, `momentum`, `weight_decay` and `trust`; its state holds
            `velocity`.
        working: For a parameter, the leaf tensor of another dtype that the network computes with: its gradient is
            read, and it receives the new weight.
        overlap: Update each parameter as soon as its gradient is there, on a second stream beside the rest of the
            backward pass: the fully connected layers' 58 million weights under the convolutions' arithmetic. For
            steps of one backward pass alone; not measured.
    """

    def __init__(
        self, optimizer: Optimizer, working: Mapping[Tensor, Tensor] | None = None, *, overlap: bool = False
    ):
        self.optimizer, self.working = optimizer, dict(working or {})
        self._groups = [(group, p) for group in optimizer.param_groups for p in group["params"]]
        device = self._groups[0][1].device
        self._row = {id(group): row for row, group in enumerate(optimizer.param_groups)}
        self._scheduled = torch.zeros(len(self._row), 3, device=device)
        self._rates = torch.zeros_like(self._scheduled)
        self._loaded: list[list[float]] = []
        self._stream = torch.cuda.Stream(device) if overlap and device.type == "cuda" else None
        self._waiting = {id(p) for _, p in self._groups}
        self._hooks = []
        for group, p in self._groups:
            optimizer.state[p].setdefault("velocity", torch.zeros_like(p))
            if overlap:
                hook = partial(self._arrived, group, p)
                self._hooks.append(self._leaf(p).register_post_accumulate_grad_hook(hook))
        self.load_rates()

    def load_rates(self) -> None:
        """Bring the groups' rates to the device: before the step or its replay, never inside a captured one.

        All of them in one copy, and none where nothing has changed.
        """
        groups = self.optimizer.param_groups
        values = [[group["lr"], group["momentum"], group["weight_decay"]] for group in groups]
        if values != self._loaded:
            table = torch.tensor(values, dtype=torch.float32)
            if self._scheduled.device.type == "cuda":
                table = table.pin_memory()
            self._scheduled.copy_(table, non_blocking=True)
            self._loaded = values

    def begin(self, finite: Tensor) -> None:
        """Begin a step, before its backward pass; `finite` is a bool scalar on the device: False holds all weights."""
        torch.mul(self._scheduled, finite, out=self._rates)

    def close(self) -> None:
        """Leave the network: gradients that come later update nothing."""
        for hook in self._hooks:
            hook.remove()

    def step(self) -> None:
        """Update what has not been updated beside the backward pass, and wait for what has."""
        for group, p in self._groups:
            if id(p) in self._waiting and self._leaf(p).grad is not None:
                self._update(group, p)
        if self._stream is not None:
            torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)
        self._waiting = {id(p) for _, p in self._groups}

    def _leaf(self, p: Tensor) -> Tensor:
        return self.working.get(p, p)

    def _arrived(self, group: dict, p: Tensor, leaf: Tensor) -> None:
        self._update(group, p)

    def _update(self, group: dict, p: Tensor) -> None:
        self._waiting.discard(id(p))
        leaf = self._leaf(p)
        copy = None if leaf is p else leaf.detach()
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(p.device))
        with torch.cuda.stream(self._stream):
            rates = self._trusted(group, p, leaf.grad)
            sgd_update(p.detach(), self.optimizer.state[p]["velocity"], leaf.grad, rates, copy)

    def _trusted(self, group: dict, p: Tensor, gradient: Tensor) -> Tensor:
        rates = self._rates[self._row[id(group)]]
        if group["trust"] is None:
            return rates
        rates = rates.clone()
        rates[0] *= trust_ratio(p, gradient, group["trust"], group["weight_decay"])
        return rates
