"""What `alexnet doctor` finds that does harm."""

import pytest
import torch

from alexnet.runs import doctor


def installed(monkeypatch, versions: dict[str, str]) -> list[str]:
    monkeypatch.setattr(doctor, "_version", versions.get)
    return [finding.name for finding in doctor.trouble()]


@pytest.mark.parametrize(
    ("build", "torchvision", "found"),
    [
        ("2.13.0+cpu", "0.28.0", ["torchvision"]),
        ("2.13.0+cpu", "0.28.0+cpu", []),
        ("2.13.0+cu130", "0.28.0", []),
        ("2.13.0+cpu", None, []),
    ],
)
def test_a_torchvision_of_another_build_is_named(monkeypatch, build, torchvision, found):
    monkeypatch.setattr(torch, "__version__", build)
    assert installed(monkeypatch, {"torchvision": torchvision}) == found


def test_forks_and_doubles_are_named(monkeypatch):
    assert installed(monkeypatch, {"pillow-simd": "9.5.0"}) == ["pillow-simd"]
    assert installed(monkeypatch, {"opencv-python": "4.12", "opencv-python-headless": "4.12"}) == ["OpenCV"]
    assert installed(monkeypatch, {"opencv-python-headless": "4.12"}) == []


def test_every_extra_is_looked_at():
    names = {finding.name for finding in doctor.examine()}
    assert {f"extra {name}" for name in ("export", "serve", "baselines", "hub", "report")} <= names
