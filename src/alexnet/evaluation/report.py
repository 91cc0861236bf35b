"""An evaluation as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alexnet.evaluation.evaluate import Evaluation


def summary(result: Evaluation) -> dict[str, Any]:
    """Return the errors as fractions; the top-5 error is null where there are no more than five classes."""
    return {
        "top1_error": result.top1_error,
        "top5_error": result.top5_error if len(result.confusion) > 5 else None,
        "top1_error_ci95": list(result.top1_interval),
        "loss": result.loss,
        "num_images": result.count,
    }


def class_table(result: Evaluation, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row per class: images, top-1 error and what it was most often taken for."""
    rows = []
    for index, name in enumerate(names):
        counts = result.confusion[index].copy()
        images = int(counts.sum())
        error = float(result.class_errors[index]) if images else None
        counts[index] = 0
        wrong = int(np.argmax(counts))
        rows.append(
            {
                "class": name,
                "images": images,
                "top1_error": error,
                "taken_for": names[wrong] if counts[wrong] else None,
            }
        )
    return rows


def confusion_name(split: str, num_views: int, num_networks: int) -> str:
    """Return the file name of an evaluation's confusion picture."""
    ensemble = f"-{num_networks}-networks" if num_networks > 1 else ""
    return f"confusion-{split}-{num_views}-views{ensemble}.png"
