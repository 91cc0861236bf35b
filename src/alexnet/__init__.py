"""ImageNet Classification with Deep Convolutional Neural Networks (2012), as a living system.

import alexnet

net = alexnet.create_model("alexnet", num_classes=1000)
run = alexnet.fit("cifar10-18pct", data="cifar10")
alexnet.load(run.folder).predict("cat.jpg")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from alexnet.core.version import VERSION

if TYPE_CHECKING:
    from alexnet.nets.catalog import list_models as list_models
    from alexnet.nets.create import create_model as create_model
    from alexnet.nets.weights import save_weights as save_weights
    from alexnet.runs.fit import fit as fit
    from alexnet.runs.pack_loader import PackLoader as PackLoader
    from alexnet.runs.predictor import load as load
    from alexnet.runs.recipe import load_recipe as load_recipe

_HOMES = {
    "create_model": "alexnet.nets.create",
    "list_models": "alexnet.nets.catalog",
    "fit": "alexnet.runs.fit",
    "PackLoader": "alexnet.runs.pack_loader",
    "load": "alexnet.runs.predictor",
    "load_recipe": "alexnet.runs.recipe",
    "save_weights": "alexnet.nets.weights",
}

__version__ = VERSION
__all__ = [
    "PackLoader",
    "__version__",
    "create_model",
    "fit",
    "list_models",
    "load",
    "load_recipe",
    "save_weights",
]


def __getattr__(name: str) -> Any:
    # Looked up on first use: `import alexnet` stays fast, and the command line can answer without torch.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'alexnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
