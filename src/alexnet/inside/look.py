"""A look inside a trained network: pictures in a folder, and a page of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alexnet.data.pack.read import PackSplit
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.predict import load_pixels
from alexnet.inside.activations import layer_maps, most_active
from alexnet.inside.inhibition import Inhibition, hermann_grid, inhibitions
from alexnet.inside.mistakes import Guesses, guess
from alexnet.inside.saliency import gradient, occlusion
from alexnet.nets.network import Network
from alexnet.nets.rows import Conv, Lrn
from alexnet.pictures import maps
from alexnet.pictures.kernels import draw_kernels
from alexnet.pictures.sheet import draw_contact_sheet

_MAPS, _MISTAKES, _OWN = 12, 24, 2
"""Maps of a layer, mistakes, and pictures of the run's data that are shown."""


@dataclass(frozen=True)
class Subject:
    """A picture that is looked at closely."""

    name: str
    pixels: np.ndarray
    """Prepared, uint8 (size, size, C)."""


@dataclass
class Looked:
    """What there is to see.

    Attributes:
        pictures: PNG by a file's name, in the order of the page.
        says: What a picture shows, by its file's name.
        guesses: The network's probabilities for the split, where there is one.
        skipped: What could not be shown, and why.
    """

    pictures: dict[str, bytes] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    guesses: Guesses | None = None
    skipped: list[str] = field(default_factory=list)

    def add(self, name: str, says: str, draw: Callable[[io.BytesIO], None]) -> None:
        """Draw a picture and keep it."""
        stream = io.BytesIO()
        draw(stream)
        self.pictures[name], self.says[name] = stream.getvalue(), says


def look(
    classifier: ViewClassifier,
    images: PackSplit | None,
    pictures: Sequence[str | Path],
    progress: Callable[[int], None] | None = None,
) -> Looked:
    """Look at a network's kernels, mistakes, layers, salient places and normalizations.

    Args:
        images: Where mistakes are looked for; None: nowhere.
        pictures: To be looked at closely; by default two that it is sure and right about.
        progress: Told of images classified.

    Raises:
        DataError: a picture cannot be read.
    """
    looked = Looked()
    subjects = [Subject(Path(p).name, load_pixels(p, classifier.input, str(p))) for p in pictures]
    _kernels(looked, classifier)
    if images is not None and len(images):
        looked.guesses = guess(classifier, images, progress)
        _mistakes(looked, classifier, images, looked.guesses)
        if not subjects:
            chosen = looked.guesses.surest(_OWN)
            subjects = [
                Subject(images.name(int(i)), p) for i, p in zip(chosen, images.read(chosen), strict=True)
            ]
    for number, subject in enumerate(subjects, 1):
        _closely(looked, classifier, subject, number)
    _inhibition(looked, classifier, inhibitions(classifier))
    return looked


def _kernels(looked: Looked, classifier: ViewClassifier) -> None:
    net = classifier.net
    assert isinstance(net, Network)
    row = next((row for row in net.table if isinstance(row, Conv)), None)
    if row is None or row.kernel == 1:
        looked.skipped.append("the first layer has no kernels")
        return
    towers = max((row.groups for row in net.table if isinstance(row, Lrn)), default=1)
    weight = net.get_parameter(f"{row.name}.weight").detach().float().cpu().numpy()
    says = f"The {len(weight)} kernels of {row.name}" + (", tower by tower" if towers > 1 else "")
    looked.add("kernels.png", says, lambda out: draw_kernels(weight, out, towers=towers))


def _mistakes(looked: Looked, classifier: ViewClassifier, images: PackSplit, guesses: Guesses) -> None:
    wrong = guesses.mistakes(_MISTAKES)
    if not len(wrong):
        looked.skipped.append("there are no mistakes to show")
        return
    names = classifier.class_names
    captions = [
        f"{_short(names[guesses.best[i]])} {100 * guesses.probabilities[i].max():.0f} %, "
        f"is {_short(names[guesses.labels[i]])}"
        for i in wrong
    ]
    shown = list(images.read(wrong))
    says = "What it is surest of and wrong about: its guess with the probability, then the right class"
    looked.add("mistakes.png", says, lambda out: draw_contact_sheet(shown, captions, out))


def _closely(looked: Looked, classifier: ViewClassifier, subject: Subject, number: int) -> None:
    probabilities = classifier.probabilities(subject.pixels[None])[0].numpy()
    label = int(probabilities.argmax())
    name = _short(classifier.class_names[label])
    found = layer_maps(classifier, subject.pixels)
    rows = {
        layer: (f"{len(values)} of {values.shape[1]} x {values.shape[2]}", values[most_active(values, _MAPS)])
        for layer, values in found.items()
        if values.ndim == 3 and values.shape[1] > 1
    }
    if rows:
        says = f"{subject.name}: the most active maps of each layer"
        looked.add(f"layers-{number}.png", says, lambda out: maps.draw_layers(rows, out))
    changes = gradient(classifier, subject.pixels, label)
    falls = occlusion(classifier, subject.pixels, label)
    panels = [
        (f"{name}, {100 * probabilities[label]:.0f} %", maps.plain(_central(classifier, subject.pixels))),
        ("pixels that change its score", maps.darkness(changes)),
        ("rust: its score falls where hidden", maps.over(_central(classifier, subject.pixels), falls)),
    ]
    says = (
        f"{subject.name}: where “{name}” comes from. Middle: how much its score changes with each pixel. Right: how "
        f"its score (the logit) changes with a gray square in each place, from {-falls.max():+.1f} (rust) to "
        f"{-falls.min():+.1f} (blue)"
    )
    looked.add(f"saliency-{number}.png", says, lambda out: maps.draw_panels_of_maps(panels, out))


def _central(classifier: ViewClassifier, pixels: np.ndarray) -> np.ndarray:
    first = max((pixels.shape[0] - classifier.input.crop) // 2, 0)
    return pixels[first : first + classifier.input.crop, first : first + classifier.input.crop]


def _inhibition(looked: Looked, classifier: ViewClassifier, found: Sequence[Inhibition]) -> None:
    if not found:
        looked.skipped.append("the network has no response normalization")
        return
    grid = hermann_grid(classifier.input.size, classifier.input.channels)
    panels = [("a Hermann grid", maps.plain(grid))]
    for one in found:
        panels += [
            (f"before {one.layer}, mean", maps.gray(one.before.mean(0))),
            (f"after {one.layer}, mean", maps.gray(one.after.mean(0))),
        ]
    evened = ", ".join(f"{one.layer} {one.evened:.2f}" for one in found)
    says = (
        "Lateral inhibition: the mean of all maps before and after each normalization. Relative spread over places "
        f"after it, as a part of that before: {evened}"
    )
    looked.add("inhibition.png", says, lambda out: maps.draw_panels_of_maps(panels, out, columns=3))


def _short(name: str) -> str:
    return name.split(",")[0]
