"""What the tests of the command line share: small settings, small pictures, how a command ended."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from alexnet.core.keys import Key

SMALL = ("--set", "data.size=36", "--set", "view.crop=32", "--set", "train.threads=1")
"""What turns a CIFAR recipe to pictures of any size."""


class Ending(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str


def draw_pictures(folder: Path, classes: tuple[str, ...], count: int = 8, side: int = 40) -> Path:
    """Write noisy pictures, one mean color a class."""
    key = Key.from_seed(0)
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise = key.uniform(label, number, side * side * 3).reshape(side, side, 3)
            color = np.array([(label * 83) % 200, (label * 47) % 200, (label * 131) % 200])
            Image.fromarray((color + 55 * noise).astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder
