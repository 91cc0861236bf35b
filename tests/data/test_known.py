"""The table of public datasets."""

import string
from pathlib import Path

import pytest

from alexnet.core.errors import UsageError
from alexnet.data.download import download
from alexnet.data.known import KNOWN, known_dataset


def test_an_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(UsageError, match=r"'cifar-10'.*did you mean cifar10\?.*tiny-imagenet"):
        download("cifar-10")
    with pytest.raises(UsageError, match="known: cifar10"):
        known_dataset("")


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_dataset_is_well_formed(name):
    dataset = KNOWN[name]
    assert dataset.name == name and dataset.about and "\n" not in dataset.about
    assert dataset.size == sum(file.size for file in dataset.files) > 0
    names = [file.name for file in dataset.files]
    assert len(set(names)) == len(names)
    for file in dataset.files:
        assert len(file.sha256) == 64 and set(file.sha256) <= set(string.hexdigits.lower())
        assert Path(file.name).name == file.name and not file.name.startswith(".")
        assert all(
            url.startswith(("https://", "http://")) and url.endswith(f"/{file.name}") for url in file.urls
        )


def test_no_two_known_files_share_a_checksum():
    digests = [file.sha256 for dataset in KNOWN.values() for file in dataset.files]
    assert len(set(digests)) == len(digests)
