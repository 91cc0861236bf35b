"""Sparse coding of pixels: whitened patches, a dictionary of atoms, soft thresholds, sums over quadrants.

Coates, Lee & Ng, "An analysis of single-layer networks in unsupervised feature learning", AISTATS 2011 (patches,
whitening, pooling), and Coates & Ng, "The importance of encoding versus training with sparse coding and vector
quantization", ICML 2011 (a dictionary trained by sparse coding, codes by a soft threshold). Constants are those of the
program published with the latter, which has 1600 atoms.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from alexnet.classic.config import SparseCodingConfig
from alexnet.classic.patches import all_patches, check_images, normalize_contrast, sample_patches
from alexnet.classic.threads import each_alone
from alexnet.classic.whitening import Whitening, fit_whitening
from alexnet.core.errors import DataError, UsageError
from alexnet.core.keys import Key

_CODE_BYTES = 4 << 20
"""Codes of one matrix product: few enough to stay in the processor's cache until they are summed."""
_IMAGES = 64
"""Images that one thread encodes in one go."""
_NAMES = ("mean", "whitening", "dictionary")


class SparseCoding:
    """An encoder of images, learned from images without labels."""

    def __init__(self, config: SparseCodingConfig):
        self.config = config
        self._whitening: Whitening | None = None
        self._dictionary: np.ndarray | None = None

    def fit(self, images: np.ndarray, seed: int, say: Callable[[str], None]) -> None:
        """Learn the whitening and the dictionary from random patches.

        Args:
            images: uint8 (N, H, W, C) of training images, C 1 or 3.
            seed: Of all draws; the same seed and machine give the same bytes.
            say: Hears of the progress, a line at a time.

        Raises:
            DataError: Images that have no patches or fewer places than regions.
            UsageError: scikit-learn is not installed.
        """
        config = self.config
        self._check(images)
        key = Key.from_seed(seed).derive("sparse coding")
        pixels = sample_patches(images, config.patch, config.patches, key.derive("patches"))
        patches = normalize_contrast(pixels, config.contrast)
        self._whitening = fit_whitening(patches, config.epsilon)
        say(f"{config.patches:,} patches of {config.patch} x {config.patch} pixels whitened")
        self._dictionary = learn_dictionary(self._whitening(patches), config, key.derive("dictionary"), say)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return the codes of images, of which each has all its patches encoded and summed over regions.

        A patch x, whitened, has two codes for each atom d: max(0, d.x - threshold) and max(0, -d.x - threshold).

        Args:
            images: uint8 (N, H, W, C), C as in `fit`.

        Returns:
            float32 (N, features), in the order region (row by row), polarity (positive, negative), atom.

        Raises:
            DataError: Images that have no patches, fewer places than regions, or another number of channels.
        """
        whitening, dictionary = self._learned()
        self._check(images)
        if len(whitening.mean) != self.config.patch**2 * images.shape[3]:
            raise DataError(
                f"images have {images.shape[3]} channels, the dictionary's had "
                f"{len(whitening.mean) // self.config.patch**2}",
                remedy="encode images like those of the fit",
            )
        kernel = torch.from_numpy(whitening.matrix @ dictionary.T)
        bias = torch.from_numpy(-whitening.mean) @ kernel
        found = np.empty((len(images), self.config.features), np.float32)
        parts = (slice(i, i + _IMAGES) for i in range(0, len(images), _IMAGES))
        each_alone(self._encode, ((images[part], kernel, bias, found[part]) for part in parts))
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learned: "mean" (F,), "whitening" (F, F), "dictionary" (atoms, F), all float32."""
        whitening, dictionary = self._learned()
        return dict(zip(_NAMES, (whitening.mean, whitening.matrix, dictionary), strict=True))

    @classmethod
    def from_arrays(cls, config: SparseCodingConfig, arrays: dict[str, np.ndarray]) -> SparseCoding:
        """Return the encoder that `arrays` came from.

        Raises:
            DataError: Arrays that are missing or of another configuration.
        """
        if absent := [name for name in _NAMES if name not in arrays]:
            raise DataError(f"sparse coding without its {' and '.join(absent)}", remedy="fit it again")
        mean, matrix, dictionary = (np.array(arrays[name], np.float32) for name in _NAMES)
        values = mean.size
        fits = (
            mean.ndim == 1 and matrix.shape == (values, values) and dictionary.shape == (config.atoms, values)
        )
        if not fits or values not in (config.patch**2, 3 * config.patch**2):
            raise DataError(
                f"a dictionary of {dictionary.shape} over {values} values is not one of {config.atoms} atoms of "
                f"{config.patch} x {config.patch} pixels",
                remedy="use the configuration it was fitted with",
            )
        found = cls(config)
        found._whitening, found._dictionary = Whitening(mean, matrix), dictionary
        return found

    def _encode(self, images: np.ndarray, kernel: Tensor, bias: Tensor, out: np.ndarray) -> None:
        """Write the codes of a few images; products with `kernel` plus `bias` are those of whitened patches."""
        rows, columns = (side - self.config.patch + 1 for side in images.shape[1:3])
        places = -(-rows // self.config.pool) * -(-columns // self.config.pool)
        step = max(1, _CODE_BYTES // (4 * places * self.config.atoms))
        # allocated once: fresh memory costs more than what is computed in it
        spare = torch.empty(2, min(step, len(images)) * places, self.config.atoms)
        sums = torch.from_numpy(out).view(len(images), -1, 2, self.config.atoms)
        for start in range(0, len(images), step):
            part = all_patches(images[start : start + step], self.config.patch)
            for index, (top, left) in enumerate(self._regions(rows, columns)):
                patches = torch.from_numpy(np.array(part[:, top, left], order="C"))
                self._pool(patches.flatten(3), (kernel, bias), spare, sums[start : start + step, index])

    def _pool(self, patches: Tensor, product: tuple[Tensor, Tensor], spare: Tensor, out: Tensor) -> None:
        """Write the sums (N, 2, atoms) of the codes of uint8 (N, rows, columns, F); `spare` is overwritten."""
        kernel, bias = product
        values = patches.flatten(0, 2).float()
        values -= values.mean(1, keepdim=True)
        values *= (values.square().mean(1, keepdim=True) + self.config.contrast).rsqrt_()
        codes, positive = spare[:, : len(values)]
        torch.addmm(bias, values, kernel, out=codes)
        torch.sub(codes, self.config.threshold, out=positive).relu_()
        negative = codes.add_(self.config.threshold).neg_().relu_()
        for polarity, side in enumerate((positive, negative)):
            out[:, polarity] = side.view(len(patches), -1, self.config.atoms).sum(1)

    def _regions(self, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
        """Yield the places of each region, row by row; sizes differ by one place where they must."""
        pool = self.config.pool
        for i in range(pool):
            for j in range(pool):
                yield (
                    slice(rows * i // pool, rows * (i + 1) // pool),
                    slice(columns * j // pool, columns * (j + 1) // pool),
                )

    def _check(self, images: np.ndarray) -> None:
        check_images(images, self.config.patch)
        places = min(images.shape[1:3]) - self.config.patch + 1
        if places < self.config.pool:
            raise DataError(
                f"{places} places a side for {self.config.pool} regions a side", remedy="give a smaller pool"
            )

    def _learned(self) -> tuple[Whitening, np.ndarray]:
        assert self._whitening is not None and self._dictionary is not None, "fit first"
        return self._whitening, self._dictionary


def learn_dictionary(
    patches: np.ndarray, config: SparseCodingConfig, key: Key, say: Callable[[str], None]
) -> np.ndarray:
    """Return atoms of unit length that make sparse codes of patches.

    Minimizes half the squared error plus `penalty` times the codes' absolute values by scikit-learn's
    `MiniBatchDictionaryLearning` (Mairal et al., "Online dictionary learning for sparse coding", ICML 2009), with codes
    by coordinate descent. The first atoms are the first patches, which are random.

    Args:
        patches: float32 (N, F), whitened, in random order.
        config: Of the atoms, penalty, batch and sweeps.
        key: Of the patches that replace unused atoms.
        say: Hears of the progress.

    Returns:
        float32 (atoms, F).

    Raises:
        UsageError: scikit-learn is not installed.
    """
    try:
        import joblib
        from sklearn.decomposition import MiniBatchDictionaryLearning
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise UsageError(
            "learning a dictionary needs scikit-learn", remedy='pip install "alexnet[baselines]"'
        ) from None
    learner = MiniBatchDictionaryLearning(
        config.atoms,
        alpha=config.penalty,
        fit_algorithm="cd",
        batch_size=config.batch,
        dict_init=_unit(patches[: config.atoms].astype(np.float64)),
        transform_max_iter=config.sweeps,
        random_state=key.value & 0x7FFFFFFF,
        n_jobs=torch.get_num_threads(),
    )
    told = 0
    # threads over patches: a BLAS with threads of its own is many times slower on one patch's small products
    with threadpool_limits(1), joblib.parallel_config(backend="threading"), warnings.catch_warnings():
        # codes almost at their optimum serve as well: the dictionary moves on after each batch
        warnings.simplefilter("ignore", ConvergenceWarning)
        for start in range(0, len(patches), config.batch):
            learner.partial_fit(patches[start : start + config.batch].astype(np.float64))
            done = min(start + config.batch, len(patches))
            if done * 10 // len(patches) > told:
                told = done * 10 // len(patches)
                say(f"dictionary of {config.atoms} atoms: {done:,} of {len(patches):,} patches")
    return _unit(learner.components_).astype(np.float32)


def _unit(atoms: np.ndarray) -> np.ndarray:
    # a patch of one color is all zeros and stays so: learning replaces an atom that nothing uses
    return atoms / np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), 1e-12)
