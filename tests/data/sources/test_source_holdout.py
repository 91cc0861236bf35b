"""The part that is set aside where a source has no validation part."""

import numpy as np
import pytest
from source_files import class_files, picture_names, write_files

from alexnet.core.errors import UsageError
from alexnet.data.sources.folder import open_folder
from alexnet.data.sources.options import SourceOptions


def test_the_part_set_aside_is_the_same_share_of_every_class(tmp_path):
    files = (
        class_files("a", count=40)
        | class_files("b", count=10)
        | class_files("c", count=2)
        | class_files("d", count=1)
    )
    source = open_folder(write_files(tmp_path, files))
    assert np.bincount(source.splits["val"].labels, minlength=4).tolist() == [4, 1, 1, 0]
    assert np.bincount(source.splits["train"].labels, minlength=4).tolist() == [36, 9, 1, 1]
    assert sorted(picture_names(source.splits["train"]) + picture_names(source.splits["val"])) == sorted(files)


def test_the_part_set_aside_is_stable_and_follows_the_seed(tmp_path):
    root = write_files(tmp_path, class_files("a", "b", count=40))

    def held(**options) -> list[str]:
        return picture_names(open_folder(root, SourceOptions(**options)).splits["val"])

    first = held()
    assert held() == first != held(seed=1)
    assert len(held(val_fraction=0.5)) == 40
    assert first == [
        "a/12.jpg",
        "a/2.jpg",
        "a/34.jpg",
        "a/39.jpg",
        "b/1.jpg",
        "b/19.jpg",
        "b/28.jpg",
        "b/33.jpg",
    ]
    write_files(root, class_files("A", "c", count=40))
    assert [name for name in held() if name[0] in "ab"] == first


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_a_share_that_cannot_be_set_aside_is_refused(fraction):
    with pytest.raises(UsageError, match="val_fraction"):
        SourceOptions(val_fraction=fraction)
