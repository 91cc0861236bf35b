"""A network's forward pass in training through the GPU's kernels, with working weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alexnet.core.keys import Key
from alexnet.nets.gpu_stages import Blocks, Pass, captures, input_blocks, run, working_weights


class GpuForward:
    """Computes logits from pictures as the network's own `forward` does in training.

    Args:
        net: Its layers in order. They stay what users see; what they hold is read at every call.
        key: Root of the dropout masks.
        dtype: Of the arithmetic. With bfloat16, convolutions and fully connected layers compute with copies of their
            weights: leaves that receive the gradients, and that the update keeps equal to the float32 weights.
    """

    def __init__(self, net: nn.Sequential, key: Key, dtype: torch.dtype):
        self.net, self.key, self.dtype = net, key, dtype
        self.working: dict[Tensor, Tensor] = working_weights(net, dtype) if dtype == torch.bfloat16 else {}
        self._device = next(net.parameters()).device.type

    @property
    def captures(self) -> bool:
        """Whether a captured call serves every step."""
        return captures(self.net)

    def input_blocks(self, side: int) -> Blocks | None:
        """Return how the first layer reads pictures of this side, or None where it reads them as they are."""
        return input_blocks(self.net, side)

    def __call__(self, x: Tensor, step: Tensor, samples: Tensor, *, in_blocks: bool = False) -> Tensor:
        """Return the logits (N, num_classes).

        Args:
            x: (N, C, H, W), channels-last; or its blocks.
            step: int64 (1): where dropout masks are drawn, with `samples`, int64 (N).
        """
        now = Pass(self.key, step, samples, self.working, in_blocks)
        # The casts that autocast keeps would outlive a captured step.
        enabled = self.dtype == torch.bfloat16
        with torch.autocast(self._device, torch.bfloat16, enabled=enabled, cache_enabled=False):
            return run(list(self.net), x, now)
