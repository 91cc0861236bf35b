"""The networks in torch, layer by layer as the papers have them."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class SlicedNorm(nn.Module):
    """Local response normalization in five shifted slices, which a compiler can fuse."""

    def forward(self, x: Tensor) -> Tensor:
        square = nn.functional.pad(x * x, (0, 0, 0, 0, 2, 2))
        energy = sum(square[:, j : j + x.shape[1]] for j in range(5))
        root = (2.0 + 1e-4 * energy).rsqrt()
        return x * (root * root.sqrt())


def stock_norm() -> nn.Module:
    """Return torch's own normalization; its alpha is the paper's times the size of the window."""
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)


def alexnet(norm: Callable[[], nn.Module] = stock_norm) -> nn.Sequential:
    """Return the paper's network, its two towers as groups."""
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4, padding=2), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, 1000),
    )  # fmt: skip


def alexnet_owt() -> nn.Sequential:
    """Return the network of "One weird trick", as torchvision has it."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Flatten(), nn.Dropout(),
        nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, 1000),
    )  # fmt: skip


def cifar10_19pct() -> nn.Sequential:
    """Return the 19 % network of cuda-convnet."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(), nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Flatten(), nn.Linear(64 * 4 * 4, 10),
    )  # fmt: skip


def build(name: str, norm: Callable[[], nn.Module] = stock_norm) -> nn.Sequential:
    """Return a network by its name."""
    return (
        alexnet(norm)
        if name == "alexnet"
        else {"alexnet_owt": alexnet_owt, "cifar10_19pct": cifar10_19pct}[name]()
    )
