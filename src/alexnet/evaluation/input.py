"""What a network expects of a picture; travels with its weights."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alexnet.core.errors import CheckpointError

LARGEST_SIDE = 65_500
_WHOLE = ("size", "crop", "channels", "pad")


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
            _check(values)
            shape = (values["crop"], values["crop"], values["channels"])
            mean = np.frombuffer(base64.b64decode(values["mean"]), "<f4").reshape(shape).astype(np.float32)
            return cls(**{**values, "mean": mean})
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the input description is of another format ({error})") from None


def _check(values: Mapping[str, Any]) -> None:
    """Refuse what no network can be given, with a KeyError, TypeError or ValueError."""
    size, crop, channels, pad = (values.get("pad", 0) if n == "pad" else values[n] for n in _WHOLE)
    if not all(type(value) is int for value in (size, crop, channels, pad)):
        raise TypeError(f"{', '.join(_WHOLE)} are not whole numbers")
    if not (0 < size <= LARGEST_SIDE and 0 <= pad <= LARGEST_SIDE and 0 < crop <= size + 2 * pad):
        raise ValueError("there is no such size of pictures")
    if channels not in (1, 3) or not isinstance(values["filter"], str):
        raise ValueError("channels are 1 or 3, and the filter is a name")
    if not math.isfinite(values["scale"]):
        raise ValueError("the scale is not finite")
