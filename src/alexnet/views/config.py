"""What the network sees of a picture, as a recipe states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColorNoise = Literal["off", "paper", "code2012", "lighting"]


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """The training view: crop, mirror, color noise, jitter and mean subtraction."""

    crop: int = 224
    """Side of the square the network sees, in pixels."""
    pad: int = 0
    """Black pixels added on every side before the crop: room for shifts, or LeNet-5's 32 pixels from 28."""
    random_crop: bool = True
    """Draw the crop's place for each image and epoch; otherwise the center is used."""
    mirror: bool = True
    """Mirror left to right with probability one half."""
    flip: bool = False
    """Turn upside down, top to bottom, with probability one half."""
    half_turn: bool = False
    """Turn by 180 degrees with probability one half."""
    color_noise: ColorNoise = "off"
    """PCA color noise: `paper` (section 4.1 on [0, 1] pixels), `code2012` (standard deviations, then / 1.1),
    `lighting` (the constants that circulate with torch code), `off`."""
    color_noise_std: float = 0.1
    """Standard deviation of the noise's coefficients."""
    mean: Literal["image", "channel", "none"] | float = "image"
    """What is subtracted: the center crop of the training set's mean image (2012), its mean color, or a gray level."""
    scale: float = 1.0
    """Factor on the network's input; 1 keeps the 2012 range of about -128 .. 128."""
    brightness: float = 0.0
    """Largest relative change of brightness, e.g. 0.2."""
    contrast: float = 0.0
    """Largest relative change of contrast about the training set's mean color."""
    rotation_degrees: float = 0.0
    """Largest rotation either way; the border is filled by the nearest pixel."""
    translation: float = 0.0
    """Largest shift either way as a fraction of the side, beyond what the crop gives."""

    def __post_init__(self) -> None:
        if self.crop < 1:
            raise ValueError(f"crop must be at least 1 pixel, not {self.crop}")
        for name in ("pad", "color_noise_std", "brightness", "contrast", "rotation_degrees", "translation"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")

    @property
    def warps(self) -> bool:
        """Whether pixels move otherwise than by a crop and a mirror."""
        return self.turns or self.rotation_degrees > 0 or self.translation > 0

    @property
    def turns(self) -> bool:
        """Whether pictures are turned over or around."""
        return self.flip or self.half_turn
