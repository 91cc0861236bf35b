"""The main job from nothing: render, pack, train, evaluate, and compare with two simple classifiers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from alexnet.core.terminal import Progress
from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.read import Pack
from alexnet.data.sources.rendered import rendered_source
from alexnet.evaluation.simple_baselines import color_histogram, linear_on_pixels
from alexnet.runs.data import pack_to
from alexnet.runs.evaluation import evaluate_shown
from alexnet.runs.pictures import CURVES, KERNELS
from alexnet.runs.predictor import load
from alexnet.runs.recipe import load_recipe
from alexnet.runs.sheets import draw_pack_sheet
from alexnet.runs.train import start

RECIPE, VIEWS = "demo", 10


@dataclass(frozen=True)
class DemoResult:
    """What a demo found; errors are fractions of the validation pictures."""

    folder: Path
    top1_error: float
    chance: float
    linear_error: float
    histogram_error: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"demo: top-1 error {100 * self.top1_error:.1f} % (chance {100 * self.chance:.1f} %, "
            f"linear on pixels {100 * self.linear_error:.1f} %, "
            f"color histogram {100 * self.histogram_error:.1f} %), {self.seconds:.0f} s"
        )


def run_demo(folder: Path, seed: int, device: torch.device) -> DemoResult:
    """Run the demo into a new folder, showing its progress.

    Args:
        folder: Receives the pictures' pack, a contact sheet and the run.
        seed: Of the pictures and of the run.

    Raises:
        AlexNetError: one of its kinds.
    """
    begin = time.perf_counter()
    pack = pack_to(rendered_source(seed=seed), folder / "pictures", PackSettings(), workers=None)
    draw_pack_sheet(pack, folder / "contact-sheet.png")
    linear, histogram = _simple_errors(pack, seed)
    recipe = load_recipe(RECIPE, {"seed": seed})
    run = start(recipe, pack, folder / "run", device)
    network = load(run, device=device)
    result = evaluate_shown(
        "evaluating on ten crops", [network], pack.split("val"), num_views=VIEWS, batch_size=30
    )
    return DemoResult(
        folder=folder,
        top1_error=result.top1_error,
        chance=1 - 1 / len(pack.classes),
        linear_error=linear,
        histogram_error=histogram,
        seconds=time.perf_counter() - begin,
    )


def pictures(folder: Path) -> list[Path]:
    """Return the pictures that a demo leaves to look at."""
    places = (folder / "contact-sheet.png", folder / "run" / CURVES, folder / "run" / KERNELS)
    return [path for path in places if path.is_file()]


def _simple_errors(pack: Pack, seed: int) -> tuple[float, float]:
    train, val = pack.split("train"), pack.split("val")
    data = (train.read(np.arange(len(train))), train.labels, val.read(np.arange(len(val))), val.labels)
    with Progress("two simple classifiers", total=2, unit="classifiers") as bar:
        linear = linear_on_pixels(*data, num_classes=len(pack.classes), seed=seed)
        bar.advance(1, linear_on_pixels=f"{100 * linear:.1f} %")
        histogram = color_histogram(*data, num_classes=len(pack.classes), seed=seed)
        bar.advance(1, color_histogram=f"{100 * histogram:.1f} %")
    return linear, histogram
