"""Codes equal a slow reference and scikit-learn's; dictionaries fit their patches and repeat."""

import sys

import numpy as np
import pytest

from alexnet.classic import sparse_coding
from alexnet.classic.patches import normalize_contrast, sample_patches
from alexnet.classic.sparse_coding import SparseCoding, SparseCodingConfig, learn_dictionary
from alexnet.core.errors import DataError, UsageError
from alexnet.core.keys import Key

SMALL = SparseCodingConfig(patch=3, atoms=20, patches=600, batch=100, threshold=0.3)


def quiet(line: str) -> None:
    assert line


def pictures(count: int, height: int = 11, width: int = 14, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Images of smooth waves with noise."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = random.normal(size=(count, channels, 2, 1, 1)) / 2
    smooth = np.sin(waves[:, :, 0] * rows + waves[:, :, 1] * columns + random.normal(size=(count, 1, 1, 1)))
    noisy = 128 + 90 * smooth + random.normal(size=smooth.shape) * 8
    return noisy.clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def made_up(config: SparseCodingConfig, channels: int) -> SparseCoding:
    """An encoder of random numbers, for which no library is needed."""
    random, values = np.random.default_rng(1), config.patch**2 * channels
    atoms = random.normal(size=(config.atoms, values))
    matrix = random.normal(size=(values, values)) / np.sqrt(values)
    arrays = {
        "mean": random.normal(size=values) / 10,
        "whitening": matrix + matrix.T,
        "dictionary": atoms / np.linalg.norm(atoms, axis=1, keepdims=True),
    }
    return SparseCoding.from_arrays(config, arrays)


def white_patches(encoder: SparseCoding, image: np.ndarray) -> np.ndarray:
    """All whitened patches (rows, columns, F) of one image in float64, one by one."""
    side, learned = encoder.config.patch, encoder.arrays()
    rows, columns = image.shape[0] - side + 1, image.shape[1] - side + 1
    found = np.empty((rows, columns, side * side * image.shape[2]))
    for i in range(rows):
        for j in range(columns):
            x = image[i : i + side, j : j + side].astype(np.float64).ravel()
            x = (x - x.mean()) / np.sqrt(x.var() + encoder.config.contrast)
            found[i, j] = (x - learned["mean"]) @ learned["whitening"]
    return found


def slow_codes(encoder: SparseCoding, image: np.ndarray) -> np.ndarray:
    config, white = encoder.config, white_patches(encoder, image)
    found = np.zeros((config.pool, config.pool, 2, config.atoms))
    for i, row in enumerate(np.array_split(white[::-1], config.pool)[::-1]):  # a longer part comes later
        for j, cell in enumerate(np.array_split(row[::-1, ::-1], config.pool, axis=1)[::-1]):
            for x in cell.reshape(-1, white.shape[2]):
                product = encoder.arrays()["dictionary"] @ x
                found[i, j, 0] += np.maximum(0, product - config.threshold)
                found[i, j, 1] += np.maximum(0, -product - config.threshold)
    return found.ravel()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("size", [(11, 14), (8, 8), (5, 4)])
def test_codes_equal_a_slow_reference(channels, pool, size, monkeypatch):
    monkeypatch.setattr(sparse_coding, "_CODE_BYTES", 8 * 50 * 20)  # several images at once, and a rest
    config = SparseCodingConfig(patch=3, atoms=20, patches=600, pool=pool, threshold=0.3)
    encoder, images = made_up(config, channels), pictures(5, *size, channels)
    found = encoder.encode(images)
    assert found.dtype == np.float32 and found.shape == (5, config.features)
    expected = np.stack([slow_codes(encoder, image) for image in images])
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_regions_cover_every_place_once():
    config = SparseCodingConfig(patch=3, atoms=20, patches=600, pool=3)
    parts = made_up(config, 1).encode(pictures(3, channels=1)).reshape(3, 9, -1)
    whole = made_up(SparseCodingConfig(patch=3, atoms=20, patches=600, pool=1), 1)
    np.testing.assert_allclose(parts.sum(1), whole.encode(pictures(3, channels=1)), rtol=1e-4, atol=1e-3)


def test_codes_equal_scikit_learns_threshold():
    decomposition = pytest.importorskip("sklearn.decomposition", reason='PEER ABSENT: "alexnet[baselines]"')
    encoder, image = made_up(SparseCodingConfig(patch=3, atoms=20, patches=600, pool=1), 3), pictures(1)
    white = white_patches(encoder, image[0]).reshape(-1, 27)
    codes = decomposition.sparse_encode(
        white, encoder.arrays()["dictionary"].astype(np.float64), algorithm="threshold", alpha=0.25
    )
    expected = np.concatenate((np.maximum(codes, 0).sum(0), np.maximum(-codes, 0).sum(0)))
    np.testing.assert_allclose(encoder.encode(image)[0], expected, rtol=1e-4, atol=1e-3)


def test_codes_do_not_depend_on_the_other_images():
    encoder, images = made_up(SMALL, 3), pictures(40)
    np.testing.assert_allclose(
        encoder.encode(images[31:32])[0], encoder.encode(images)[31], rtol=1e-5, atol=1e-4
    )


def test_same_seed_same_bytes():
    pytest.importorskip("sklearn", reason='PEER ABSENT: "alexnet[baselines]"')
    images, found = pictures(30), []
    images.flags.writeable = False
    for seed in (5, 5, 6):
        encoder = SparseCoding(SMALL)
        encoder.fit(images, seed, quiet)
        found.append({name: values.tobytes() for name, values in encoder.arrays().items()})
    assert found[0] == found[1]
    assert all(found[0][name] != found[2][name] for name in found[0])
    encoder = SparseCoding.from_arrays(SMALL, encoder.arrays())
    assert {name: values.tobytes() for name, values in encoder.arrays().items()} == found[2]


def test_learned_atoms_explain_other_patches_better_than_patches_do():
    decomposition = pytest.importorskip("sklearn.decomposition", reason='PEER ABSENT: "alexnet[baselines]"')
    random = np.random.default_rng(0)
    atoms = np.linalg.qr(random.normal(size=(8, 8)))[0]
    codes = random.normal(size=(3000, 8)) * 6 * (random.random((3000, 8)) < 0.2)
    patches = (codes @ atoms).astype(np.float32)
    config = SparseCodingConfig(atoms=8, patches=2000, batch=50, penalty=0.5)

    def objective(dictionary: np.ndarray) -> float:
        x, dictionary = patches[2000:].astype(np.float64), dictionary.astype(np.float64)
        found = decomposition.sparse_encode(x, dictionary, algorithm="lasso_cd", alpha=config.penalty)
        return 0.5 * np.square(x - found @ dictionary).sum() + config.penalty * abs(found).sum()

    found = learn_dictionary(patches[:2000], config, Key.from_seed(0), quiet)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    first = objective(patches[:8] / np.maximum(1e-9, np.linalg.norm(patches[:8], axis=1, keepdims=True)))
    # between the patches the codes begin with and the atoms the patches were made of
    assert objective(found) < objective(atoms) + 0.2 * (first - objective(atoms))


def test_progress_is_told_in_tenths():
    pytest.importorskip("sklearn", reason='PEER ABSENT: "alexnet[baselines]"')
    lines = []
    SparseCoding(SMALL).fit(pictures(4, channels=1), 0, lines.append)
    assert lines[0] == "600 patches of 3 x 3 pixels whitened"
    assert lines[1:] == [f"dictionary of 20 atoms: {done} of 600 patches" for done in range(100, 700, 100)]


def test_images_of_one_color_are_learned_from_and_encoded():
    pytest.importorskip("sklearn", reason='PEER ABSENT: "alexnet[baselines]"')
    images, found = np.full((3, 8, 8, 3), 200, np.uint8), []
    for seed in (1, 1, 2):
        encoder = SparseCoding(SMALL)
        encoder.fit(images, seed, quiet)
        np.testing.assert_array_equal(encoder.encode(images), 0)
        # all atoms are replaced again and again, with noise of the seed's
        found.append(encoder.arrays()["dictionary"].tobytes())
    assert found[0] == found[1] != found[2]


def test_absence_of_scikit_learn_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    with pytest.raises(UsageError, match=r'needs scikit-learn; pip install "alexnet\[baselines\]"'):
        SparseCoding(SMALL).fit(pictures(2), 0, quiet)


def test_the_dictionary_is_learned_from_whitened_patches(monkeypatch):
    seen = []
    monkeypatch.setattr(sparse_coding, "learn_dictionary", lambda patches, *_: seen.append(patches) or patches)
    encoder, images = SparseCoding(SMALL), pictures(3)
    encoder.fit(images, 2, quiet)
    key = Key.from_seed(2).derive("sparse coding").derive("patches")
    prepared = normalize_contrast(sample_patches(images, 3, 600, key), 10.0)
    white = (prepared - prepared.mean(0)) @ encoder.arrays()["whitening"]
    np.testing.assert_allclose(seen[0], white, atol=1e-4)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"patch": 0}, "patch = 0; give 1 or more"),
        ({"penalty": 0.0}, "penalty = 0.0; give a number above 0"),
        ({"epsilon": float("nan")}, "epsilon = nan"),
        ({"threshold": -0.1}, "threshold = -0.1; give 0 or more"),
        ({"atoms": 500, "patches": 499}, "499 patches for 500 atoms"),
    ],
)
def test_a_configuration_without_meaning_is_refused(values, says):
    with pytest.raises(UsageError, match=says):
        SparseCodingConfig(**values)


def test_images_and_arrays_of_another_kind_are_refused():
    encoder = made_up(SMALL, 3)
    with pytest.raises(DataError, match="images have 1 channels, the dictionary's had 3"):
        encoder.encode(pictures(2, channels=1))
    with pytest.raises(DataError, match="1 places a side for 2 regions a side"):
        encoder.encode(pictures(2, 3, 9))
    arrays = encoder.arrays()
    with pytest.raises(DataError, match="is not one of 30 atoms of 3 x 3 pixels"):
        SparseCoding.from_arrays(SparseCodingConfig(patch=3, atoms=30), arrays)
    with pytest.raises(DataError, match="is not one of 20 atoms of 6 x 6 pixels"):
        SparseCoding.from_arrays(SparseCodingConfig(atoms=20), arrays)
    del arrays["whitening"]
    with pytest.raises(DataError, match="without its whitening; fit it again"):
        SparseCoding.from_arrays(SMALL, arrays)
