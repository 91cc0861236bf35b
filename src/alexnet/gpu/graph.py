"""A whole step as a CUDA graph: hundreds of launches replaced by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from alexnet.core.errors import AlexNetError


class GraphedStep:
    """Calls a function, and from some call on replays what it did.

    The first calls run as they are, on a stream of their own, where libraries choose their algorithms; the next is
    captured, and every further one is a replay. All calls compute the same: nothing is run twice. On the CPU every call
    runs the function.

    Args:
        function: Takes the inputs by name and returns tensors. Whatever changes from step to step must be among its
            inputs or in tensors it reads: a rate, a step's number, a batch's draws. It must not read values back to
            the host.
        inputs: Tensors of the shapes that every call brings. They are copied; a call fills the copies.
        warmups: Calls before the capture; None: never capture.
    """

    def __init__(self, function: Callable[..., Any], inputs: Mapping[str, Tensor], *, warmups: int | None = 3):
        self._function, self._left = function, warmups
        self._inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        device = next(iter(self._inputs.values())).device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._outputs: Any = None

    @property
    def captured(self) -> bool:
        """Whether calls are replays by now."""
        return self._graph is not None

    def __call__(self, **inputs: Tensor) -> Any:
        """Run one step on these inputs; what is returned is overwritten by the next call once captured.

        Raises:
            ValueError: an input is unknown, missing or of another shape or dtype.
            AlexNetError: the function cannot be captured. No step was taken.
        """
        self._fill(inputs)
        if self._stream is None:
            return self._function(**self._inputs)
        if self._graph is None and self._left != 0:
            self._left = None if self._left is None else self._left - 1
            return self._beside(self._inputs)
        if self._graph is None:
            self._graph, self._outputs = self._capture()
        self._graph.replay()
        return self._outputs

    def once(self, **inputs: Tensor) -> Any:
        """Run one step on inputs of other shapes, such as an epoch's last, smaller batch; nothing is captured."""
        return self._function(**inputs) if self._stream is None else self._beside(inputs)

    def _fill(self, inputs: Mapping[str, Tensor]) -> None:
        if inputs.keys() != self._inputs.keys():
            raise ValueError(f"a step takes {', '.join(self._inputs)}, not {', '.join(inputs)}")
        for name, own in self._inputs.items():
            new = inputs[name]
            if new.shape != own.shape or new.dtype != own.dtype:
                raise ValueError(
                    f"{name} is {new.dtype} {tuple(new.shape)}, not {own.dtype} {tuple(own.shape)}"
                )
            own.copy_(new, non_blocking=True)

    def _capture(self) -> tuple[torch.cuda.CUDAGraph, Any]:
        graph = torch.cuda.CUDAGraph()
        # A capture that fails leaves its stream behind as the current one: this block puts the caller's back.
        # Other threads may go on meanwhile: those that load data ask for pinned memory.
        try:
            with (
                torch.cuda.stream(torch.cuda.current_stream(self._stream.device)),
                torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
            ):
                outputs = self._function(**self._inputs)
        except RuntimeError as error:
            raise AlexNetError(
                f"a step cannot be captured as a CUDA graph ({_first_line(error)})",
                where=self._stream.device,
                remedy="take steps operation by operation: --set train.step=plain --set data.resident=no",
            ) from error
        return graph, outputs

    def _beside(self, inputs: Mapping[str, Tensor]) -> Any:
        current = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            outputs = self._function(**inputs)
        current.wait_stream(self._stream)
        return outputs


def _first_line(error: BaseException) -> str:
    """Return what went wrong first: ending a capture that failed is one more error."""
    while error.__context__ is not None:
        error = error.__context__
    return next(iter(str(error).splitlines()), type(error).__name__)
