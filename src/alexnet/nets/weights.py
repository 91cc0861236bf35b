"""Stored weights: this package's safetensors, torchvision's and Caffe's AlexNets, and files of `torch.save`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet.core.errors import UsageError
from alexnet.core.files import MANIFEST, commit_bytes, verify_folder
from alexnet.nets.blueprint import Blueprint
from alexnet.nets.interchange.caffe import read_caffemodel
from alexnet.nets.interchange.hub import fetched, is_on_hub
from alexnet.nets.interchange.state_dict import read_state_dict
from alexnet.nets.interchange.torchvision import OF_TORCHVISION, from_torchvision, is_torchvision
from alexnet.nets.network import Network
from alexnet.nets.own import is_own
from alexnet.nets.tables import Table

KEY = "alexnet"
"""Of the blueprint among a safetensors file's metadata."""
_MODEL, _CONFIG, _STEPS = "model.safetensors", "config.json", "checkpoints/step-?????????"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a file holds, under this package's names."""

    path: Path
    tensors: Mapping[str, Tensor]
    networks: tuple[str, ...] = ()
    """The networks that these can be of; empty where the file does not say."""
    blueprint: Blueprint | None = None

    def check_network(self, name: str) -> None:
        """Refuse weights that are another network's, though their shapes may be the same.

        Raises:
            UsageError: names the network they are of.
        """
        if self.networks and name not in self.networks:
            raise UsageError(
                f"holds the weights of {' or '.join(self.networks)}, not of {name}",
                where=self.path,
                remedy=f'create_model("{self.networks[0]}", weights=...)',
            )

    def num_classes(self, table: Table) -> int | None:
        """Return the outputs of the last layer, or None where the file has none."""
        if self.blueprint is not None:
            return self.blueprint.num_classes
        last = f"{table[-1].name}."
        sides = [t.shape[0] for name, t in self.tensors.items() if name.startswith(last) and t.ndim]
        return sides[0] if sides else None

    def select(self, expected: Mapping[str, Tensor], network: str, without: str | None = None) -> Weights:
        """Return these weights checked, without the layer that is to start anew.

        Args:
            expected: The network's tensors; only their shapes and kinds are looked at.
            network: What to call it.
            without: Name of a layer left out on both sides.

        Raises:
            UsageError: a tensor is missing, unknown, or of another shape or kind; names the first.
        """
        left_out = None if without is None else f"{without}."
        own, found = (
            {name: t for name, t in part.items() if left_out is None or not name.startswith(left_out)}
            for part in (expected, self.tensors)
        )
        shapes, theirs = ({name: _kind(t) for name, t in part.items()} for part in (own, found))
        differing = sorted(name for name in own.keys() | found.keys() if shapes.get(name) != theirs.get(name))
        if differing:
            name = differing[0]
            raise UsageError(
                f"does not hold the weights of {network}: {len(differing)} tensors differ, first {name}: "
                f"expected {shapes.get(name, 'nothing')}, found {theirs.get(name, 'nothing')}",
                where=self.path,
            )
        return Weights(path=self.path, tensors=found)

    def copy_into(self, net: Network) -> None:
        """Copy every tensor into the network's; those that are not here stay as they are."""
        with torch.no_grad():
            net.load_state_dict(self.tensors, strict=False)


def save_weights(net: Network, path: str | Path) -> None:
    """Write a network to one `.safetensors` file from which `create_model(name, weights=path)` builds it again.

    The file holds parameters and buffers, and in its metadata under `alexnet` the network's name, its rows and its
    number of classes, so that an edited network comes back too. An existing file is replaced in one step.

    Raises:
        StorageError: the disk is full or not writable; an existing file is untouched.
    """
    from safetensors.torch import save

    tensors = {
        name: tensor.detach().to("cpu").contiguous(memory_format=torch.contiguous_format)
        for name, tensor in net.state_dict().items()
    }
    commit_bytes(Path(path), save(tensors, {"format": "pt", KEY: Blueprint.of(net).to_json()}))


def load_weights(net: Network, path: str | Path) -> None:
    """Copy stored weights, of any form that `read_weights` knows, into a network of the same classes.

    Raises:
        UsageError: the file cannot be read, or its tensors are not this network's; names one.
    """
    weights = read_weights(path)
    weights.check_network(net.spec.name)
    weights.select(net.state_dict(), net.spec.name).copy_into(net)


def read_weights(path: str | Path) -> Weights:
    """Read stored weights.

    Args:
        path: `.safetensors` of this package or with torchvision's names; `.pt` or `.pth` of tensors alone, with
            this package's names or torchvision's; `.caffemodel` of one of Caffe's AlexNets; the folder of a
            checkpoint; the folder of a run, for its last checkpoint; `hf-hub:OWNER/NAME` of a model hub.

    Raises:
        UsageError: the file cannot be read, or is damaged.
        CheckpointError: a file of the checkpoint is damaged.
    """
    path = _file(fetched(path) if is_on_hub(path) else Path(path))
    match path.suffix.lower():
        case ".caffemodel":
            tensors, networks = read_caffemodel(path)
            return Weights(path=path, tensors=tensors, networks=networks)
        case ".pt" | ".pth":
            tensors, blueprint = read_state_dict(path), None
        case _:
            tensors, blueprint = _read_safetensors(path)
    if blueprint is not None:
        return Weights(path=path, tensors=tensors, networks=(blueprint.network,), blueprint=blueprint)
    if is_torchvision(tensors):
        try:
            tensors = from_torchvision(tensors)
        except UsageError as error:
            raise UsageError(error.what, where=path) from None
        return Weights(path=path, tensors=tensors, networks=(OF_TORCHVISION,))
    return Weights(path=path, tensors=tensors)


def _file(path: Path) -> Path:
    """Return the file of weights that a path stands for; a checkpoint is compared with its manifest."""
    if path.is_dir():
        files = [folder / _MODEL for folder in (path, *sorted(path.glob(_STEPS)))]
        found = [file for file in files if file.is_file()]
        if not found:
            raise UsageError("is neither a run with a checkpoint nor a checkpoint", where=path)
        if (found[-1].parent / MANIFEST).is_file():
            verify_folder(found[-1].parent)
        return found[-1]
    if not path.is_file():
        raise UsageError("there is no such file", where=path)
    return path


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], Blueprint | None]:
    """Return a file's tensors, and the blueprint in its metadata or in the config.json of its checkpoint."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            stored = (file.metadata() or {}).get(KEY)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot be read as safetensors ({error})", where=path) from None
    config = path.parent / _CONFIG
    try:
        if stored is not None:
            return tensors, Blueprint.from_json(stored)
        if path.name == _MODEL and (path.parent / MANIFEST).is_file() and config.is_file():
            return tensors, _of_checkpoint(json.loads(config.read_text("utf-8")))
    except (OSError, ValueError, RecursionError, UsageError) as error:
        where = path if stored is not None else config
        raise UsageError(f"does not describe a network ({error})", where=where) from None
    return tensors, None


def _of_checkpoint(config: Any) -> Blueprint | None:
    """Return a checkpoint's blueprint; None of a network of somebody's own, of which there is none."""
    if isinstance(config, dict) and is_own(str(config.get("architecture"))):
        return None
    return Blueprint.from_checkpoint(config)


def _kind(tensor: Tensor) -> str:
    """Return shape and kind of numbers: any floating ones can be copied into any others."""
    kind = "" if tensor.is_floating_point() else f" of {str(tensor.dtype).removeprefix('torch.')}"
    return f"{tuple(tensor.shape)}{kind}"
