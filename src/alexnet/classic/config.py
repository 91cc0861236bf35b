"""What a baseline's recipe says of its features. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from alexnet.classic import pyramid
from alexnet.classic.descriptors import SIZES, Dense
from alexnet.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Fisher:
    """Improved Fisher vectors (Perronnin, Sanchez, Mensink 2010)."""

    kind: ClassVar[str] = "fisher"
    components: int = 256
    """Gaussians of the mixture, with diagonal covariances."""

    def __post_init__(self) -> None:
        if self.components < 1:
            raise ValueError(f"components must be at least 1, not {self.components}")

    def numbers(self, dimensions: int) -> int:
        """Return the numbers of a region's code: gradients to means and deviations."""
        return 2 * self.components * dimensions


@dataclass(frozen=True, kw_only=True)
class Llc:
    """The approximated coding of Wang et al., CVPR 2010, section 3.1."""

    kind: ClassVar[str] = "llc"
    words: int = 1024
    """Words of the codebook, centers of k-means."""
    neighbors: int = 5
    """Nearest words that a descriptor is written in."""
    regularization: float = 1e-4
    """Added to the diagonal of the local covariance, as a part of its trace."""

    def __post_init__(self) -> None:
        if not 1 <= self.neighbors <= self.words:
            raise ValueError(f"neighbors must be in 1 .. words, not {self.neighbors}")

    def numbers(self, dimensions: int) -> int:
        """Return the numbers of a region's code."""
        return self.words


@dataclass(frozen=True, kw_only=True)
class LocalConfig:
    """A descriptor, a projection, an encoder and regions: dense descriptors -> PCA -> codes -> pyramid."""

    kind: ClassVar[str] = "local"
    dense: Dense = field(default_factory=Dense)
    pca: int | None = 64
    """Dimensions that descriptors are projected to; by default SIFT's 64, `none` is said by leaving it at theirs."""
    encoder: Fisher | Llc = field(default_factory=Fisher)
    pyramid: tuple[str, ...] = ("1x1", "2x2", "3x1")
    """Regions, as ROWSxCOLUMNS."""
    samples: int = 200_000
    """Descriptors that the projection and the encoder are learned from."""

    def __post_init__(self) -> None:
        pyramid.count(self.pyramid)
        if self.pca is not None and not 1 <= self.pca <= SIZES[self.dense.what]:
            raise ValueError(
                f"pca must be in 1 .. {SIZES[self.dense.what]} for {self.dense.what}, not {self.pca}"
            )

    @property
    def features(self) -> int:
        """Numbers that encode a picture."""
        dimensions = self.pca or SIZES[self.dense.what]
        return pyramid.count(self.pyramid) * self.encoder.numbers(dimensions)


@dataclass(frozen=True)
class SparseCodingConfig:
    """How patches are prepared, learned from and encoded.

    Raises:
        UsageError: A value that cannot mean anything.
    """

    kind: ClassVar[str] = "sparse_coding"
    patch: int = 6
    """Height and width of a patch, in pixels."""
    atoms: int = 800
    """Atoms of the dictionary."""
    patches: int = 100_000
    """Patches that the whitening and the dictionary are learned from, each seen once."""
    penalty: float = 1.0
    """Weight of the codes' absolute values beside half the squared error, while the dictionary is learned."""
    threshold: float = 0.25
    """What a patch's product with an atom must exceed to be a code."""
    pool: int = 2
    """Regions a side; codes are summed over each."""
    contrast: float = 10.0
    """Added to a patch's variance (pixels of 0 to 255)."""
    epsilon: float = 0.1
    """Added to the eigenvalues of the covariance before whitening."""
    batch: int = 500
    """Patches between two updates of the dictionary."""
    sweeps: int = 30
    """Most sweeps of coordinate descent over a patch's codes, which start at zero."""

    def __post_init__(self) -> None:
        for name in ("patch", "atoms", "patches", "pool", "batch", "sweeps"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} = {getattr(self, name)}", remedy="give 1 or more")
        for name in ("penalty", "contrast", "epsilon"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name} = {getattr(self, name)}", remedy="give a number above 0")
        if not 0 <= self.threshold < float("inf"):
            raise UsageError(f"threshold = {self.threshold}", remedy="give 0 or more")
        if self.patches < self.atoms:
            raise UsageError(
                f"{self.patches} patches for {self.atoms} atoms",
                remedy="give as many patches as atoms, or more",
            )

    @property
    def features(self) -> int:
        """Numbers that encode an image: regions x 2 polarities x atoms."""
        return self.pool * self.pool * 2 * self.atoms
