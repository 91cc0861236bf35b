"""Regions of a picture that are encoded each on its own (Lazebnik, Schmid, Ponce 2006)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def regions(centers: np.ndarray, grids: Sequence[str]) -> list[np.ndarray]:
    """Return which squares lie in each region.

    Args:
        centers: (T, 2), row and column as fractions.
        grids: `ROWSxCOLUMNS` each: 1x1 is the whole picture, 3x1 three bands.

    Returns:
        For each region the indices of its squares, grid by grid in reading order.

    Raises:
        ValueError: a grid that is not two numbers, or a region without a square.
    """
    found = []
    for grid in grids:
        rows, columns = parse(grid)
        row = np.minimum((centers[:, 0] * rows).astype(int), rows - 1)
        column = np.minimum((centers[:, 1] * columns).astype(int), columns - 1)
        found += [np.flatnonzero((row == r) & (column == c)) for r in range(rows) for c in range(columns)]
    if any(not len(region) for region in found):
        raise ValueError(f"a region of {', '.join(grids)} has no square: take a smaller step, or fewer regions")
    return found


def parse(grid: str) -> tuple[int, int]:
    """Return rows and columns of `2x3`.

    Raises:
        ValueError: it is not two numbers from 1 on.
    """
    rows, _, columns = grid.partition("x")
    if not (rows.isdigit() and columns.isdigit() and int(rows) and int(columns)):
        raise ValueError(f"{grid!r} is not ROWSxCOLUMNS, such as 2x2")
    return int(rows), int(columns)


def count(grids: Sequence[str]) -> int:
    """Return the number of regions."""
    return sum(rows * columns for rows, columns in map(parse, grids))
