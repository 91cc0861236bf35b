"""Builds a network with initial or stored weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.core.names import nearest
from alexnet.nets.catalog import INITIALIZATIONS, OF_ALEXNET, find_network
from alexnet.nets.edits import Edit, apply_edits
from alexnet.nets.initialize import initialize
from alexnet.nets.network import Network
from alexnet.nets.rows import Linear
from alexnet.nets.tables import NetSpec, Table
from alexnet.nets.weights import Weights, read_weights


def create_model(
    name: str,
    num_classes: int | None = None,
    weights: str | Path | None = None,
    seed: int | None = None,
    *,
    init: str = "own",
    edits: Sequence[Edit] = (),
    key: Key | None = None,
) -> Network:
    """Build a network with initial or stored weights.

    Args:
        name: As in `list_models()`.
        num_classes: Outputs of the last layer; by default those of the stored weights, or the published number.
            Where the stored weights have another number, the last layer starts anew.
        weights: File or folder as for `read_weights`: `.safetensors` of `save_weights`, torchvision's alexnet
            (for `alexnet_owt`), a `.caffemodel` (for `alexnet_caffe` and `caffenet`), a checkpoint.
        seed: Seed of the initial weights; None draws from torch's generator.
        init: `own` (as the definition says), or for AlexNet `paper`, `config145`, `caffe`, `quick`.
        edits: Changes to the table of rows; without any, stored weights bring their own.
        key: Takes precedence over `seed`: runs pass the key of their initialization.

    Raises:
        UsageError: unknown name or initialization, or weights that do not fit.
    """
    spec = find_network(name)
    if init not in INITIALIZATIONS:
        raise UsageError(f"there is no initialization {init!r}", remedy=nearest(init, INITIALIZATIONS))
    if init in OF_ALEXNET and not spec.name.startswith("alexnet"):
        raise UsageError(f"initialization {init!r} is AlexNet's", remedy='use init = "own"')
    if num_classes is not None and num_classes < 1:
        raise UsageError(f"a network cannot tell {num_classes} classes apart", remedy="give at least 1")
    table = apply_edits(INITIALIZATIONS[init](spec.table), edits)
    if key is None and seed is not None:
        key = Key.from_seed(seed).derive("init")
    if weights is None:
        net = _build(spec, num_classes or spec.num_classes, table)
        initialize(net, net.table, key)
        return net
    stored = read_weights(weights)
    stored.check_network(spec.name)
    if stored.blueprint is not None:
        spec = replace(spec, input_shape=stored.blueprint.input_shape)
        table = table if edits or init != "own" else stored.blueprint.table
    return _restore(stored, spec, table, num_classes, key)


def expected_tensors(spec: NetSpec, num_classes: int, table: Table, *, where: object) -> Mapping[str, Tensor]:
    """Return a network's tensors without memory: compared with a file's first, it cannot be larger than the file.

    Args:
        where: The file that describes the network, for messages.

    Raises:
        UsageError: there is no such network.
    """
    try:
        with torch.device("meta"):
            return Network(spec, num_classes, table).state_dict()
    except (ValueError, TypeError, KeyError, ArithmeticError, RuntimeError) as error:
        raise UsageError(f"cannot become {spec.name} ({error})", where=where) from None


def _build(spec: NetSpec, num_classes: int, table: Table) -> Network:
    last = table[-1] if table else None
    if isinstance(last, Linear) and last.units not in (None, num_classes):
        raise UsageError(f"{last.name} gives {last.units} values for {num_classes} classes", where=spec.name)
    try:
        return Network(spec, num_classes, table)
    except ValueError as error:
        raise UsageError(str(error), where=spec.name) from None


def _restore(stored: Weights, spec: NetSpec, table: Table, num_classes: int | None, key: Key | None) -> Network:
    """Return a network with stored weights; its last layer starts anew where it has other classes than they do."""
    theirs = stored.num_classes(table)
    num_classes = num_classes or theirs or spec.num_classes
    fresh = None if theirs in (None, num_classes) else table[-1]
    expected = expected_tensors(spec, num_classes, table, where=stored.path)
    selected = stored.select(expected, spec.name, without=fresh and fresh.name)
    net = _build(spec, num_classes, table)
    if fresh is not None:
        initialize(net, (fresh,), key)
    selected.copy_into(net)
    return net
