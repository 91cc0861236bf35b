"""Fixtures that every test may use."""

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell starts background jobs with it ignored, and the programs under test would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real images (`$ALEXNET_TEST_DATA`, default ../shared/data); skips loudly when absent."""
    folder = Path(os.environ.get("ALEXNET_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {folder} is not a folder; set ALEXNET_TEST_DATA")
    return folder
