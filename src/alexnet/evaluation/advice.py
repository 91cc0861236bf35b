"""What an evaluation says that a person should not miss, in words, with what to do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from alexnet.evaluation.evaluate import Evaluation

_NAMED = 5
_NEAR = 0.02
"""Part of ln(classes) within which a loss is that of a uniform guess."""


def advice(result: Evaluation, names: Sequence[str], in_training: int = 0) -> list[str]:
    """Return sentences; none where nothing stands out.

    Args:
        names: Of the classes.
        in_training: Pictures of the split that are in the training split too.
    """
    found = []
    classes = len(result.confusion)
    if classes > 1 and abs(result.loss - math.log(classes)) < _NEAR * math.log(classes):
        found.append(
            f"it guesses: the loss {result.loss:.3f} is that of a uniform guess, ln({classes}) = "
            f"{math.log(classes):.3f}; train longer, with another rate (--set optim.lr=...), or from "
            "--set model.init=quick"
        )
    images, predicted = result.confusion.sum(1), result.confusion.sum(0)
    never = [names[k] for k in np.flatnonzero((predicted == 0) & (images > 0))]
    if never:
        listed = ", ".join(never[:_NAMED]) + (f" and {len(never) - _NAMED} more" if len(never) > _NAMED else "")
        found.append(
            f"never predicted: {listed}; `alexnet show PACK` counts the pictures of each class, and more of these help"
        )
    if in_training:
        found.append(
            f"{in_training:,} of these pictures are in the training split too, pixel by pixel: the error is too low; "
            "`alexnet show PACK` names them"
        )
    return found
