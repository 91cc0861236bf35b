"""Replicas that drift are refused, a slow rank is named."""

from dataclasses import replace

import torch
from processes import in_ranks

from alexnet.core.errors import DriftError
from alexnet.optim.schedule import Rates
from alexnet.optim.sgd import SGD
from alexnet.parallel.layout import Layout
from alexnet.runs.sharing import saving
from alexnet.training.fit import StepTimes
from alexnet.training.hooks.slow_rank import SlowRank, slower
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult
from training import tiny_run


def drifted(ranks, where):
    """Flip the lowest bit of one weight or velocity of the last rank, and save."""
    learner, saved = tiny_run.learner(), []
    weight = learner.net.get_parameter("conv2.weight")
    learner.optimizer.state[weight]["velocity"] = torch.zeros_like(weight)
    save = saving(learner, Layout(ranks), lambda state, whole: saved.append(state.step))
    save(TrainState(step=4))
    if ranks.world.rank == ranks.world.size - 1:
        tensor = weight.data if where == "weight" else learner.optimizer.state[weight]["velocity"]
        tensor.view(torch.int32)[1, 2, 0, 1] ^= 1
    try:
        save(TrainState(step=5))
    except DriftError as error:
        return saved, str(error)
    return saved, None


def test_one_flipped_bit_is_named_by_all_and_nothing_is_saved():
    for rank, (saved, error) in enumerate(in_ranks(3, drifted, "weight")):
        assert saved == [4] * (rank == 0)
        assert error.startswith("rank 2 of 3 holds other weights than the rest at step 5, first conv2.weight")
    for rank, (saved, error) in enumerate(in_ranks(2, drifted, "velocity")):
        assert saved == [4] * (rank == 0)
        assert error.startswith(
            "rank 1 of 2 holds other weights than the rest at step 5, first velocity of conv2"
        )


def with_statistics(ranks):
    """Save a network whose running statistics are this rank's own."""
    net, saved = torch.nn.Sequential(torch.nn.BatchNorm2d(3)), []
    net[0].running_mean += ranks.world.rank + 1
    learner = replace(tiny_run.learner(), net=net, optimizer=SGD(net.parameters()))
    save = saving(
        learner, Layout(ranks), lambda state, whole: saved.append(whole.model["0.running_mean"].tolist())
    )
    save(TrainState(step=4))
    return saved, net[0].running_mean.tolist()


def test_running_statistics_are_the_first_ones():
    assert in_ranks(2, with_statistics) == [([[1.0] * 3], [1.0] * 3), ([], [1.0] * 3)]


def watched(ranks, seconds):
    """Take steps of so many seconds of its own, and as much waiting as makes them alike."""
    lines, longest = [], max(seconds)
    hook = SlowRank(ranks, lines.append, every=3)
    for step in range(1, 10):
        ranks.waited.seconds += longest - seconds[ranks.world.rank]
        times = StepTimes(0.25 * longest, 0.0, 0.75 * longest)
        hook.after_step(TrainState(step=step), StepResult(1.0, 0, 0, 8), Rates(1.0, 1.0), times)
    return lines


def test_a_slow_rank_is_named_once():
    for lines in in_ranks(3, watched, (1.0, 2.0, 1.0)):
        (line,) = lines
        assert line.startswith("rank 1 (")
        assert "2e+03 ms a step without waiting, the others 1e+03 (at step 3)" in line
    assert in_ranks(2, watched, (1.0, 1.4)) == [[], []]


def test_slower_is_by_half_of_the_others_median():
    assert slower([1.0, 1.0, 1.6, 1.0]) == [2]
    assert slower([1.0, 1.4]) == []
    assert slower([3.0, 3.0, 1.0, 1.0]) == [] or slower([3.0, 3.0, 1.0, 1.0]) == [0, 1]
