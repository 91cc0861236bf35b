"""A step that is captured computes what it computed before."""

import contextlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch

from alexnet.core.errors import AlexNetError
from alexnet.gpu.graph import GraphedStep


def test_on_the_cpu_every_call_runs_the_function_on_its_inputs():
    seen = []

    def function(x, rate):
        seen.append((x.clone(), rate.clone()))
        return x * rate

    step = GraphedStep(function, {"x": torch.zeros(3), "rate": torch.zeros(())}, warmups=0)
    for i in range(3):
        got = step(x=torch.arange(3.0), rate=torch.tensor(float(i)))
        assert torch.equal(got, torch.arange(3.0) * i)
    assert len(seen) == 3 and not step.captured


def test_inputs_are_copied_and_the_callers_tensors_stay_its_own():
    x = torch.ones(2)
    step = GraphedStep(lambda x: x.add_(1), {"x": x})
    assert step(x=x).tolist() == [2, 2] and x.tolist() == [1, 1]


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"x": torch.zeros(2), "y": torch.zeros(1)},
        {"x": torch.zeros(3)},
        {"x": torch.zeros(2, dtype=torch.float64)},
    ],
    ids=["missing", "unknown", "another shape", "another dtype"],
)
def test_inputs_of_another_kind_are_refused(inputs):
    with pytest.raises(ValueError, match=r"takes x|x is"):
        GraphedStep(lambda x: x, {"x": torch.zeros(2)})(**inputs)


def test_a_step_of_another_size_runs_once_and_changes_no_input():
    step = GraphedStep(lambda x: x + 1, {"x": torch.zeros(2)})
    assert step.once(x=torch.ones(3)).tolist() == [2, 2, 2] and step(x=torch.ones(2)).tolist() == [2, 2]


class Device:
    """Stands for a CUDA device: notes what happens on which stream."""

    def __init__(self, patch, *, fails=None):
        self.notes, self.current, self.fails, self.options = [], "caller", fails, None
        side = SimpleNamespace(device="cuda", wait_stream=lambda other: self.notes.append("side waits"))
        caller = SimpleNamespace(wait_stream=lambda other: self.notes.append("caller waits"))
        patch.setattr(torch.cuda, "current_stream", lambda device: caller)
        patch.setattr(torch.cuda, "stream", lambda stream: self.on("side" if stream is side else "caller"))
        patch.setattr(torch.cuda, "graph", self.graph)
        patch.setattr(
            torch.cuda, "CUDAGraph", lambda: SimpleNamespace(replay=lambda: self.notes.append("replay"))
        )
        self.step = GraphedStep(self.function, {"x": torch.zeros(2)}, warmups=2)
        self.step._stream = side

    def function(self, x):
        self.notes.append(f"on {self.current}")
        if self.fails and self.current == "capture":
            raise self.fails
        return x + 1

    @contextlib.contextmanager
    def on(self, stream):
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextlib.contextmanager
    def graph(self, graph, **options):
        """As torch's: where it fails, its end fails too, and its stream stays the current one."""
        self.options, self.current = options, "capture"
        try:
            yield
        except RuntimeError:
            raise RuntimeError("capture was invalidated") from None
        self.current = "caller"

    def call(self):
        self.notes.clear()
        result = self.step(x=torch.ones(2))
        return self.notes[:], result


def test_after_the_first_calls_the_next_is_captured_and_all_are_replayed(monkeypatch):
    device = Device(monkeypatch)
    beside = ["side waits", "on side", "caller waits"]
    assert [device.call()[0] for _ in range(2)] == [beside, beside] and not device.step.captured
    assert device.call()[0] == ["on capture", "replay"] and device.step.captured
    assert [device.call()[0] for _ in range(2)] == [["replay"], ["replay"]]
    assert device.options == {"stream": device.step._stream, "capture_error_mode": "thread_local"}
    device.notes.clear()
    assert device.step.once(x=torch.ones(3)).tolist() == [2, 2, 2] and device.notes == beside


def test_a_step_that_cannot_be_captured_is_told_in_one_line_and_not_taken(monkeypatch):
    device = Device(monkeypatch, fails=RuntimeError("CUDA error: operation not permitted\nmore"))
    device.call()
    device.call()
    with pytest.raises(
        AlexNetError, match=r"^cuda: .* \(CUDA error: operation not permitted\); .* train\.step=plain"
    ):
        device.call()
    assert device.current == "caller" and not device.step.captured and "replay" not in device.notes


UNCAPTURABLE = """
import torch
from alexnet.core.errors import AlexNetError
from alexnet.gpu.graph import GraphedStep
x = torch.zeros(2, device="cuda")
step = GraphedStep(lambda x: x.add_(float(x.sum())), {"x": x}, warmups=1)
before = torch.cuda.current_stream()
assert step(x=x + 1).tolist() == [3, 3]
try:
    step(x=x + 1)
except AlexNetError as error:
    print(error)
assert torch.cuda.current_stream() == before and (x + 2).tolist() == [2, 2]
"""


@pytest.mark.gpu
def test_what_no_graph_can_hold_is_told_and_the_device_goes_on(cuda):
    """In a process of its own: torch's allocator does not forget a capture that failed."""
    done = subprocess.run([sys.executable, "-c", UNCAPTURABLE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "cannot be captured as a CUDA graph (" in done.stdout and "train.step=plain" in done.stdout


@pytest.mark.gpu
def test_other_threads_ask_for_pinned_memory_during_a_capture(cuda):
    begun, ended = threading.Event(), threading.Event()

    def allocate():
        begun.wait(60)
        sizes = [torch.empty(1 << 20, pin_memory=True).numel() for _ in range(8)]
        ended.set()
        return sizes

    def function(x):
        if torch.cuda.is_current_stream_capturing():
            begun.set()
            assert ended.wait(60)
        return x * 2

    step = GraphedStep(function, {"x": torch.zeros(2, device=cuda)}, warmups=1)
    with ThreadPoolExecutor(1) as pool:
        sizes = pool.submit(allocate)
        found = [step(x=torch.full((2,), float(i), device=cuda)).tolist() for i in range(4)]
        assert sizes.result() == [1 << 20] * 8
    assert found == [[2 * i, 2 * i] for i in range(4)] and step.captured


@pytest.mark.gpu
def test_a_captured_step_continues_what_the_first_calls_began(cuda):
    """Momentum under a changing rate: state, inputs and rate all take part in the replays."""

    def run(warmups):
        weight, velocity = torch.ones(1000, device=cuda), torch.zeros(1000, device=cuda)

        def function(x, rate):
            velocity.mul_(0.9).sub_(x * rate)
            weight.add_(velocity)
            return weight.sum()

        step = GraphedStep(function, {"x": weight, "rate": torch.zeros((), device=cuda)}, warmups=warmups)
        generator = torch.Generator(cuda).manual_seed(0)
        sums = []
        for i in range(8):
            x = torch.randn(1000, device=cuda, generator=generator)
            sums.append(float(step(x=x, rate=torch.tensor(0.1 / (i + 1), device=cuda))))
        return sums, step.captured

    (eager, not_yet), (captured, by_now) = run(100), run(2)
    assert eager == captured and by_now and not not_yet
