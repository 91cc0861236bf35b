"""What a network expects of a picture; travels with its weights."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alexnet.core.errors import CheckpointError


@dataclass(frozen=True)
class InputSpec:
    """How to get from a picture to the network's input."""

    size: int
    """Side of the prepared square picture, in pixels."""
    crop: int
    """Side of what the network sees."""
    channels: int
    """3 for color, 1 for gray."""
    filter: str
    """Resampling of the preparation."""
    exif_rotate: bool
    """Whether a camera's orientation mark is obeyed."""
    scale: float
    """Factor after the mean is subtracted."""
    mean: np.ndarray
    """float32 (crop, crop, channels): what is subtracted."""
    pad: int = 0
    """Black pixels on every side before the crop."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values; the mean as base64 of little-endian float32."""
        values = {
            k: getattr(self, k) for k in ("size", "crop", "channels", "filter", "exif_rotate", "scale", "pad")
        }
        values["mean"] = base64.b64encode(self.mean.astype("<f4").tobytes()).decode()
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> InputSpec:
        """Return the spec that `to_json` wrote.

        Raises:
            CheckpointError: the values are of another format.
        """
        try:
            shape = (values["crop"], values["crop"], values["channels"])
            mean = np.frombuffer(base64.b64decode(values["mean"]), "<f4").reshape(shape).astype(np.float32)
            return cls(**{**values, "mean": mean})
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the input description is of another format ({error})") from None
