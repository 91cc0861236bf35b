"""How sizes and system errors are told to a person."""

import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.core.files import human_bytes, storage_error, sync_folder


def test_a_folder_that_cannot_be_flushed_is_only_excused_where_the_system_does_not_know_how(
    monkeypatch, tmp_path
):
    def fail_with(number: int) -> None:
        def fail(_: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fail)

    fail_with(errno.EINVAL)
    sync_folder(tmp_path)
    fail_with(errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1300, "1.3 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (138_000_000_000, "138.0 GB"),
        (2_500_000_000_000_000, "2500.0 TB"),
    ],
)
def test_sizes_are_printed_in_decimal_units(size, text):
    assert human_bytes(size) == text


@settings(max_examples=200)
@given(st.integers(0, 10**18))
def test_no_printed_size_below_terabytes_has_four_digits(size):
    number, unit = human_bytes(size).split()
    assert unit == "TB" or float(number) < 1000


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "your disk quota is used up"),
        (errno.EACCES, "no permission to write here"),
        (errno.EPERM, "no permission to write here"),
        (errno.EROFS, "the disk is read-only"),
        (errno.ENOENT, "the folder does not exist"),
        (errno.ENOTDIR, "a part of the path is a file"),
        (errno.EIO, "the system says: Input/output error"),
    ],
)
def test_system_errors_are_told_in_words(number, text):
    error = storage_error(OSError(number, os.strerror(number)), "/data/run")
    assert error.what == text and error.where == "/data/run" and error.remedy


def test_an_error_without_a_number_still_says_something():
    assert "odd" in str(storage_error(OSError("odd"), "/data"))
