"""Builds a network with initial or stored weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.core.names import nearest
from alexnet.nets.catalog import INITIALIZATIONS, OF_ALEXNET, find_network
from alexnet.nets.edits import Edit, apply_edits
from alexnet.nets.network import Network, initialize


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
        num_classes: Outputs of the last layer; by default the published number.
        weights: A `.safetensors` file with this network's parameters.
        seed: Seed of the initial weights; None draws from torch's generator.
        init: `own` (as the definition says), or for AlexNet `paper`, `config145`, `caffe`, `quick`.
        edits: Changes to the table of rows.
        key: Takes precedence over `seed`: runs pass the key of their initialization.

    Raises:
        UsageError: unknown name or initialization, or weights that do not fit.
    """
    spec = find_network(name)
    if init not in INITIALIZATIONS:
        raise UsageError(f"there is no initialization {init!r}", remedy=nearest(init, INITIALIZATIONS))
    if init in OF_ALEXNET and not spec.name.startswith("alexnet"):
        raise UsageError(f"initialization {init!r} is AlexNet's", remedy='use init = "own"')
    num_classes = spec.num_classes if num_classes is None else num_classes
    if num_classes < 1:
        raise UsageError(f"a network cannot tell {num_classes} classes apart", remedy="give at least 1")
    table = apply_edits(INITIALIZATIONS[init](spec.table), edits)
    try:
        net = Network(spec, num_classes, table)
    except ValueError as error:
        raise UsageError(str(error), where=spec.name) from None
    if weights is not None:
        load_weights(net, Path(weights))
        return net
    if key is None and seed is not None:
        key = Key.from_seed(seed).derive("init")
    initialize(net, net.table, key)
    return net


def load_weights(net: Network, path: Path) -> None:
    """Load a `.safetensors` file into a network.

    Raises:
        UsageError: the file is missing or damaged, or its tensors are not this network's; names one.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot be read as safetensors ({error})", where=path) from None
    own = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    if own != found:
        differing = sorted(name for name in own.keys() | found.keys() if own.get(name) != found.get(name))
        name = differing[0]
        raise UsageError(
            f"does not hold the weights of {net.spec.name}: {len(differing)} tensors differ, first {name}: "
            f"expected {own.get(name, 'nothing')}, found {found.get(name, 'nothing')}",
            where=path,
        )
    with torch.no_grad():
        net.load_state_dict(stored)
