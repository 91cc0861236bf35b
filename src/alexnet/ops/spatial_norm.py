"""Response normalization within a map: each activation against its spatial neighbors."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def spatial_response_norm(x: Tensor, *, size: int, alpha: float, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide each activation by the energy of the size x size window around it in the same map.

    y = x / (k + alpha * sum(x**2 over the window)) ** beta, with zeros beyond the border.

    Args:
        x: Activations (N, C, H, W).
        alpha: Weight of the *sum* of squares: the 2012 source's `scale` is alpha * size**2.

    Source:
        cnorm2a/b of layers-145.cfg (size 5, scale 0.001, power 0.75), rnorm1/2 of the CIFAR-10 18 % net
        (size 3, scale 5e-5). The paper's text does not mention it.
    """
    mean = F.avg_pool2d(x * x, size, stride=1, padding=size // 2)
    return x * (k + alpha * size**2 * mean) ** -beta
