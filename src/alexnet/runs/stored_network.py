"""What a checkpoint's config.json says of its network, checked: the file may be another person's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alexnet.config.load import build
from alexnet.core.errors import AlexNetError, CheckpointError
from alexnet.evaluation.input import InputSpec
from alexnet.nets.edits import Change, Insert, Remove

_ELSEWHERE = ("input",)


@dataclass(frozen=True, kw_only=True)
class StoredNetwork:
    """Everything of a config.json that a network is built from; its other keys are for people."""

    architecture: str
    num_classes: int
    edits: tuple[Remove | Change | Insert, ...]
    classes: tuple[str, ...]
    class_names: tuple[str, ...]
    precision: str

    def __post_init__(self) -> None:
        if not 0 < len(self.classes) == len(self.class_names) == self.num_classes:
            raise ValueError(
                f"{len(self.classes)} classes and {len(self.class_names)} names for {self.num_classes} outputs"
            )


def read_stored(config: Mapping[str, Any], path: Path) -> tuple[StoredNetwork, InputSpec]:
    """Return what a config.json says of the network and of its input.

    Args:
        path: Of the file, for messages.

    Raises:
        CheckpointError: a key is absent, or its value cannot be.
    """
    names = StoredNetwork.__dataclass_fields__
    if absent := [name for name in (*names, *_ELSEWHERE) if name not in config]:
        raise CheckpointError(f"lacks {absent[0]!r}", where=path)
    try:
        return build(StoredNetwork, {name: config[name] for name in names}), InputSpec.from_json(
            config["input"]
        )
    except AlexNetError as error:
        raise CheckpointError(f"does not describe a network ({error})", where=path) from None
