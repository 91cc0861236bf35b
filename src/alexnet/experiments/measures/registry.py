"""Measures by name."""

from __future__ import annotations

from collections.abc import Callable

from alexnet.experiments.measures.codes import codes
from alexnet.experiments.measures.cost import cost
from alexnet.experiments.measures.curves import curves
from alexnet.experiments.measures.errors import digits, test, train
from alexnet.experiments.measures.gradients import gradients
from alexnet.experiments.measures.kernels import kernels
from alexnet.experiments.measures.masked import masked
from alexnet.experiments.measures.panels import panels
from alexnet.experiments.measures.trained import Measured, Trained
from alexnet.experiments.measures.views import views

USUAL = ("test", "train", "curves", "cost")
"""Measured of every network, in this order: later ones may look at earlier ones."""

MEASURES: dict[str, Callable[[Trained], Measured]] = {
    "test": test,
    "train": train,
    "curves": curves,
    "cost": cost,
    "digits": digits,
    "views": views,
    "kernels": kernels,
    "gradients": gradients,
    "masked": masked,
    "panels": panels,
    "codes": codes,
}
