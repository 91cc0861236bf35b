"""Our side of the GPU's benchmarks does its work, at a size that the interpreter can take."""

import numpy as np
import pytest

from alexnet.bench import ours_gpu
from alexnet.bench.ours_gpu import RepeatedImages
from alexnet.bench.task import Task
from alexnet.core.errors import UsageError
from training import tiny_run

pytestmark = pytest.mark.usefixtures("kernels", "stages")


def task(device, tmp_path, **options):
    return Task(net="cifar10_19pct", batch=4, device=device.type, folder=str(tmp_path), **options)


def done(work):
    """Do three steps and return the evidence."""
    work.run(1)
    work.run(2)
    found = dict(work.check())
    assert work.images == 4 and "graphed" in work.configuration
    assert found["loss"] == pytest.approx(np.log(10), rel=0.5) and found["smallest_gradient"] > 0
    return found


def test_steps_on_resident_pictures(device, tmp_path):
    done(ours_gpu.train(task(device, tmp_path, work="train")))


@pytest.mark.parametrize("resident", [True, False])
def test_the_whole_way_of_pictures(device, tmp_path, resident, monkeypatch):
    monkeypatch.setattr(ours_gpu, "_POOL", 5)
    work = ours_gpu.feed(task(device, tmp_path, work="feed", pictures=10, resident=resident))
    assert "10 random pictures" in work.configuration
    done(work)


def test_pictures_are_as_many_as_asked():
    few = tiny_run.images()
    images = RepeatedImages(few, np.zeros(100, np.int32))
    out = np.empty((3, 12, 12, 3), np.uint8)
    assert len(images) == 100 and images.read(np.array([1, 37, 75]), out) is out
    assert np.array_equal(out, few.pixels[[1, 1, 3]])


def test_a_training_set_needs_a_picture():
    from alexnet.cli.bench import bench

    with pytest.raises(UsageError, match="--pictures must be at least 1"):
        bench("feed", pictures=0)
