"""What training needs to know of a set of pictures: its mean image and the covariance of its colors.

Everything is accumulated in integers, so the result is exact, does not depend on the order or the number of
processes, and has the same bits on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from alexnet.kernels import library

PIXEL_LIMIT = 2**63 // 255**2
"""Pixels after which a sum of products could overflow int64: 2.1e9 pictures of 256x256."""
SWEEPS = 16
"""Jacobi sweeps; convergence is quadratic, and 3x3 matrices take 4 to 6."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Moments of the pixels of the training pictures.

    Units: the 0-255 scale; covariance and eigenvalues its square.
    Source: Krizhevsky et al. 2012, section 4.1: PCA on the set of RGB pixel values throughout the training set.
    """

    count: int
    """Pictures that went in."""
    mean: tuple[float, ...]
    """(C,) over all pixels of all pictures."""
    covariance: tuple[tuple[float, ...], ...]
    """(C, C), divided by the number of pixels."""
    eigenvalues: tuple[float, ...]
    """(C,) of the covariance, largest first, none negative."""
    eigenvectors: tuple[tuple[float, ...], ...]
    """(C, C): column i belongs to eigenvalue i, has length 1, and its largest component is positive."""


class Sums:
    """Exact sums over pictures of one shape, which can be merged in any grouping.

    Args:
        shape: (H, W, C) of every picture.
    """

    def __init__(self, shape: tuple[int, int, int]):
        self.count = 0
        self.image = np.zeros(shape, np.uint64)
        """uint64 (H, W, C): sum of the pictures."""
        self.products = np.zeros((shape[2], shape[2]), np.int64)
        """int64 (C, C): sum over pictures and pixels of the outer product of a pixel with itself."""

    def add(self, pixels: np.ndarray) -> None:
        """Add one picture, uint8 (H, W, C)."""
        if pixels.shape != self.image.shape or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self.image.shape}, got {pixels.dtype} {pixels.shape}")
        self.count += 1
        if library.available() and pixels.shape[2] in (1, 3):
            self._add_compiled(np.ascontiguousarray(pixels))
        else:
            channels = pixels.reshape(-1, pixels.shape[2]).T.astype(np.int64, order="C")
            self.image += pixels
            self.products += np.einsum("ip,jp->ij", channels, channels)
        self._check()

    def _add_compiled(self, pixels: np.ndarray) -> None:
        height, width, channels = pixels.shape
        products = np.zeros_like(self.products)
        values = [pixels.ctypes.data, channels, self.image.ctypes.data, products.ctypes.data]
        library.run("alexnet_pixel_sums", height * width, values)
        self.products += np.triu(products) + np.triu(products, 1).T

    def merge(self, other: Sums) -> None:
        """Add the sums of other pictures of the same shape."""
        if other.image.shape != self.image.shape:
            raise ValueError(f"cannot merge sums of {other.image.shape} into sums of {self.image.shape}")
        self.count += other.count
        self.image += other.image
        self.products += other.products
        self._check()

    def mean_image(self) -> np.ndarray:
        """Return the mean picture as float32 (H, W, C) on the 0-255 scale."""
        return (self.image.astype(np.float64) / max(1, self.count)).astype(np.float32)

    def finish(self) -> Statistics:
        """Return the statistics of the pictures added; of none, zeros.

        Each number is the exact fraction rounded once to float64; the eigenvectors come from them by a fixed
        sequence of IEEE operations, not by a library whose bits depend on the processor.
        """
        pixels = max(1, self.count * self.image.shape[0] * self.image.shape[1])
        totals = [int(total) for total in self.image.sum(axis=(0, 1))]
        covariance = [
            [
                (pixels * int(product) - total * other) / pixels**2
                for product, other in zip(row, totals, strict=True)
            ]
            for row, total in zip(self.products, totals, strict=True)
        ]
        eigenvalues, eigenvectors = symmetric_eigen(covariance)
        return Statistics(
            count=self.count,
            mean=tuple(total / pixels for total in totals),
            covariance=tuple(map(tuple, covariance)),
            eigenvalues=tuple(max(0.0, value) for value in eigenvalues),
            eigenvectors=eigenvectors,
        )

    def _check(self) -> None:
        if self.count * self.image.shape[0] * self.image.shape[1] > PIXEL_LIMIT:
            raise OverflowError(f"more than {PIXEL_LIMIT} pixels cannot be summed exactly")


def symmetric_eigen(matrix: list[list[float]]) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """Return eigenvalues, largest first, and eigenvectors as columns, of a small symmetric matrix.

    Cyclic Jacobi rotations in Python floats: only +, -, *, / and sqrt, which IEEE 754 rounds correctly, so the
    result has the same bits everywhere. The sign of a column makes its largest component (the first of equals)
    positive.

    Source: Golub and Van Loan, "Matrix Computations", section 8.5.
    """
    size = len(matrix)
    a = [list(row) for row in matrix]
    v = [[float(i == j) for j in range(size)] for i in range(size)]
    pairs = [(p, q) for p in range(size) for q in range(p + 1, size)]
    for _ in range(SWEEPS):
        for p, q in pairs:
            if a[p][q] != 0.0:
                _rotate(a, v, p, q)
    order = sorted(range(size), key=lambda i: -a[i][i])
    columns = [_signed([row[i] for row in v]) for i in order]
    return tuple(a[i][i] for i in order), tuple(zip(*columns, strict=True))


def _rotate(a: list[list[float]], v: list[list[float]], p: int, q: int) -> None:
    theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q])
    t = math.copysign(1.0, theta) / (abs(theta) + math.sqrt(theta * theta + 1.0))
    c = 1.0 / math.sqrt(t * t + 1.0)
    s = t * c
    a[p][p], a[q][q] = a[p][p] - t * a[p][q], a[q][q] + t * a[p][q]
    a[p][q] = a[q][p] = 0.0
    for k in range(len(a)):
        if k not in (p, q):
            a[k][p], a[k][q] = c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]
            a[p][k], a[q][k] = a[k][p], a[k][q]
    for row in v:
        row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]


def _signed(column: list[float]) -> list[float]:
    largest = max(column, key=abs)
    return [-x for x in column] if largest < 0.0 else column
