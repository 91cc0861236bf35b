"""Real pictures through both encodings."""

import io

import numpy as np
import pytest
from memory_source import memory_source
from PIL import Image

from alexnet.data.decode import decode
from alexnet.data.pack.estimate import estimate
from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.read import Pack
from alexnet.data.pack.write import pack_source
from alexnet.data.prepare import prepare


@pytest.fixture(scope="module")
def cifar(test_data):
    """200 training pictures of CIFAR-10 as their lossless WebP files."""
    parquet = pytest.importorskip("pyarrow.parquet")
    file = parquet.ParquetFile(test_data / "cifar10" / "train-00000-of-00005.parquet")
    return next(file.iter_batches(200, columns=["img"])).column(0).field("bytes").to_pylist()


@pytest.mark.parametrize("workers", [1, 2])
def test_cifar_pictures_come_back_as_pillow_decodes_them(cifar, tmp_path, workers):
    settings = PackSettings(size=None, shard_bytes=50 * 3072)
    folder = pack_source(
        memory_source(cifar[:150], cifar[150:], native=False), tmp_path / "p", settings, workers=workers
    )
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in cifar])
    with Pack.open(folder, verify=True) as pack:
        np.testing.assert_array_equal(pack.split("train").read(range(150)), pixels[:150])
        np.testing.assert_array_equal(pack.split("val").read(range(50)), pixels[150:])
        flat = pixels[:150].reshape(-1, 3).astype(float)
        np.testing.assert_allclose(pack.statistics.covariance, np.cov(flat.T, bias=True), rtol=1e-12)
        assert len(pack.manifest.splits["train"]) == 3
        assert pack.manifest.quarantine.total == 0


def test_photographs_at_256_pixels_fill_a_quarter_of_the_space_as_jpeg(test_data, tmp_path):
    photographs = [path.read_bytes() for path in sorted((test_data / "imagenet-photos").glob("*.JPEG"))[:24]]
    assert len(photographs) == 24
    expected = np.stack([prepare(decode(data).pixels, 256) for data in photographs])
    source = memory_source(photographs, native=False)
    sizes = {}
    for encoding in ("raw", "jpeg"):
        settings = PackSettings(encoding=encoding)
        cost = estimate(source, settings)
        folder = pack_source(source, tmp_path / encoding, settings, workers=2)
        sizes[encoding] = sum(path.stat().st_size for path in folder.glob("*.shard"))
        assert cost.bytes == pytest.approx(sizes[encoding], rel=0.25)
        with Pack.open(folder, verify=True) as pack:
            read = pack.split("train").read(range(24))
            assert np.abs(read.astype(int) - expected).mean() < (4 if encoding == "jpeg" else 1e-9)
            np.testing.assert_array_equal(pack.mean_image, expected.mean(axis=0).astype(np.float32))
    assert 0.15 < sizes["jpeg"] / sizes["raw"] < 0.35
