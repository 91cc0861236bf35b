"""Where the cache is, for every combination of environment and system."""

from pathlib import Path, PureWindowsPath

import pytest

from alexnet.core import cache
from alexnet.core.cache import cache_folder, downloads_folder, packs_folder
from alexnet.core.errors import UsageError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for name in ("ALEXNET_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setattr(cache.sys, "platform", "linux")


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


def test_home_is_the_last_resort(home):
    assert cache_folder() == home / ".cache" / "alexnet"


def test_the_xdg_folder_comes_before_home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "alexnet"


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_an_empty_or_relative_xdg_folder_is_ignored(monkeypatch, home, value):
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == home / ".cache" / "alexnet"


def test_the_own_variable_comes_first_and_is_taken_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    assert downloads_folder() == tmp_path / "own" / "downloads"
    assert packs_folder() == tmp_path / "own" / "packs"


def test_a_tilde_means_home(monkeypatch, home):
    monkeypatch.setenv("ALEXNET_CACHE", "~/big-disk")
    assert cache_folder() == home / "big-disk"


def test_a_relative_own_folder_is_refused(monkeypatch):
    monkeypatch.setenv("ALEXNET_CACHE", "cache")
    with pytest.raises(UsageError, match=r"'cache'.*absolute path"):
        cache_folder()


def test_windows_uses_the_local_application_folder(monkeypatch, home):
    monkeypatch.setattr(cache.sys, "platform", "win32")
    assert cache_folder() == home / "AppData" / "Local" / "alexnet"
    monkeypatch.setenv("LOCALAPPDATA", r"C:\Users\me\AppData\Local")
    assert PureWindowsPath(cache_folder()).parts[-2:] == ("Local", "alexnet")


def test_a_missing_home_is_one_clear_line(monkeypatch):
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(cache.Path, "home", no_home)
    with pytest.raises(UsageError, match="set ALEXNET_CACHE"):
        cache_folder()


def test_asking_creates_nothing(home):
    downloads_folder(), packs_folder()
    assert not home.exists()
