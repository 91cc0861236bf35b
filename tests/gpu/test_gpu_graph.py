"""A step that is captured computes what it computed before."""

import pytest
import torch

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
