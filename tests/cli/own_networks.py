"""Networks of a person's own, good and bad, for `--model own_networks:...`."""

import torch
from torch import nn

WIDTH = 8


class Noisy(nn.Module):
    """Draws from torch's generator in training, and keeps running statistics."""

    def __init__(self, num_classes, channels=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, WIDTH, 3, padding=1)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(WIDTH, num_classes)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x))).mean((2, 3))
        return self.fc(self.drop(x))


def noisy(num_classes):
    return Noisy(num_classes)


def gray_only(num_classes):
    return Noisy(num_classes, channels=1)


def other_shape(num_classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))


def wrong_outputs(num_classes):
    return Noisy(num_classes + 1)


def no_module(num_classes):
    return num_classes


def no_arguments():
    return Noisy(10)


class TwoOutputs(Noisy):
    def forward(self, x):
        return super().forward(x), x


def two_outputs(num_classes):
    return TwoOutputs(num_classes)


class Still(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.num_classes = num_classes

    def forward(self, x):
        return x.new_zeros(len(x), self.num_classes)


def no_weights(num_classes):
    return Still(num_classes)
