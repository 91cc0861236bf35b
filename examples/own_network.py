"""A network of one's own, trained, resumed and used by this package: a small residual one, as timm writes them.

    cd examples
    alexnet train cifar10-18pct --data cifar10 --model own_network:residual --output-dir runs/residual
    alexnet evaluate runs/residual --model own_network:residual
"""

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class Residual(nn.Module):
    """Three stages of blocks, the mean over places, a dropout, a linear classifier."""

    def __init__(self, num_classes: int, width: int = 16, drop_rate: float = 0.1):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.stages = nn.Sequential(
            Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2)
        )
        self.head_drop = nn.Dropout(drop_rate)
        self.fc = nn.Linear(4 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.stages(self.stem(x)).mean((2, 3))
        return self.fc(self.head_drop(features))


def residual(num_classes: int) -> nn.Module:
    """Return the network as `--model own_network:residual` asks for it."""
    return Residual(num_classes)
