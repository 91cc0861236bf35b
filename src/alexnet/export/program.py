"""A network as a `torch.export` program: runs in torch without this package."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable

import numpy as np
import torch

from alexnet.evaluation.classifier import ViewClassifier
from alexnet.export.deployed import BATCH, Deployed, describe, example

ABOUT = "alexnet.json"
"""File inside the archive: classes, input and preparation."""


def to_program(classifier: ViewClassifier, *, prepares: bool) -> bytes:
    """Return the bytes of a `.pt2` file: `torch.export.load(FILE).module()(x)` gives logits and probabilities."""
    spec = classifier.input
    about = {
        "classes": list(classifier.classes),
        "class_names": list(classifier.class_names),
        "input": spec.to_json(),
        "preparation": describe(spec, prepares=prepares),
    }
    module, stream = Deployed(classifier, prepares=prepares), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own older names
        program = torch.export.export(
            module, (example(spec, prepares=prepares),), dynamic_shapes=({0: torch.export.Dim(BATCH)},)
        )
        torch.export.save(program, stream, extra_files={ABOUT: json.dumps(about)})
    return stream.getvalue()


def program_runner(data: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Return what computes probabilities (N, K) with the program read back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.export.load(io.BytesIO(data)).module()

    def run(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(x))[1].numpy()

    return run
