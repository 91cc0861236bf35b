"""Parameter groups: weights and biases have their own rates; weights alone decay and are trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from alexnet.core.errors import RecipeError
from alexnet.core.names import nearest
from alexnet.optim.config import LayerConfig, OptimConfig
from alexnet.optim.schedule import Rates
from alexnet.optim.sgd import SGD


def build_optimizer(net: nn.Module, config: OptimConfig) -> SGD:
    """Return the optimizer with one group per layer and kind, in the network's order.

    Raises:
        RecipeError: `optim.layers` names a layer without weights.
    """
    layers = dict.fromkeys(name.rpartition(".")[0] for name, _ in net.named_parameters())
    for name in config.layers:
        if name not in layers:
            raise RecipeError("no such layer", where=f"optim.layers.{name}", remedy=nearest(name, layers))
    groups = [_group(name, parameter, config) for name, parameter in net.named_parameters()]
    return SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)


def narrow_gradients(net: nn.Module) -> None:
    """Keep the gradients of matrices as bfloat16 computes them, instead of widening each to float32 for the update.

    The update reads the same values. Gradients that are summed over parts of a batch should stay wide.
    """
    for parameter in net.parameters():
        if parameter.ndim == 2 and parameter.dtype == torch.float32:
            parameter.grad_dtype = torch.bfloat16


def set_rates(optimizer: SGD, rates: Rates) -> None:
    """Set every group's learning rate from its starting rate and the schedule's factors."""
    for group in optimizer.param_groups:
        factor = rates.bias_scale if group["is_bias"] else rates.scale
        group["lr"] = group["initial_lr"] * rates.layer_scale.get(group["layer"], factor)


def layer_names(net: nn.Module) -> Mapping[str, None]:
    """Return the names of the layers that hold parameters."""
    return dict.fromkeys(name.rpartition(".")[0] for name, _ in net.named_parameters())


def _group(name: str, parameter: nn.Parameter, config: OptimConfig) -> dict[str, Any]:
    layer, _, kind = name.rpartition(".")
    is_bias, is_vector = kind == "bias", parameter.ndim < 2
    own = config.layers.get(layer, LayerConfig())
    lr = config.lr if own.lr is None else own.lr
    # What LARS leaves out cannot take its rate, which is a hundred times a plain one.
    if is_bias or (is_vector and config.trust is not None):
        bias_lr = lr if config.bias_lr is None else config.bias_lr
        lr = bias_lr if own.bias_lr is None else own.bias_lr
    decay = config.weight_decay if own.weight_decay is None else own.weight_decay
    return {
        "params": [parameter],
        "lr": lr,
        "initial_lr": lr,
        "weight_decay": 0.0 if is_bias or is_vector else decay,
        "trust": None if is_bias or is_vector else config.trust,
        "layer": layer,
        "is_bias": is_bias,
    }
