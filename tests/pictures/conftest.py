"""What the tests of all pictures share."""

import numpy as np
import pytest
from PIL import Image

from alexnet.pictures import style


@pytest.fixture
def out(tmp_path):
    """The name of a picture to draw."""
    return tmp_path / "picture.png"


@pytest.fixture
def pixels():
    """A function that reads a PNG as RGB pixels."""

    def pixels(path):
        with Image.open(path) as image:
            assert image.format == "PNG"
            return np.asarray(image.convert("RGB"))

    return pixels


@pytest.fixture
def figures(monkeypatch):
    """The figures that would have been written, for reading what they show."""
    kept = []
    monkeypatch.setattr(style, "write_figure", lambda figure, out: kept.append(figure))
    return kept


@pytest.fixture
def words():
    """A function that lists the texts inside a figure's axes."""
    return lambda figure: [text.get_text() for axes in figure.axes for text in axes.texts]
