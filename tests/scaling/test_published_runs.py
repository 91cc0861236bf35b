"""Published runs on many devices: the model comes as near as docs/scaling.md says, without being fitted to them."""

from dataclasses import replace

import pytest

from alexnet.nets.catalog import NETWORKS
from alexnet.scaling.published import RUNS, passes
from alexnet.scaling.schemes import SCHEMES, step_time
from alexnet.scaling.work import work_of

FACTOR = {"same": 1.65, "other": 2.3}
"""How far off, where one device's rate is from the same source and where it is from another."""


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.devices)
def test_the_model_is_off_by_no_more_than_a_factor(run):
    factor = FACTOR["same" if run.alone_source.startswith("same") else "other"]
    assert 1 / factor < run.ratio < factor


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.devices)
def test_one_device_is_what_was_measured_of_one(run):
    work = work_of(NETWORKS[run.network])
    machine = replace(run.machine, flops=run.alone * work.flops)
    assert step_time(work, machine, SCHEMES["data"], 1, run.batch).images_per_second == pytest.approx(run.alone)


def test_rates_are_the_published_ones():
    found = {run.devices: run.images_per_second for run in RUNS}
    assert found["512 Xeon Phi"] == pytest.approx(88_970, abs=1)
    assert found["1,024 Xeon 8160"] == pytest.approx(194_116, abs=1)
    assert found["1,024 P40"] == pytest.approx(507_129, abs=1)
    assert found["512 V100"] == pytest.approx(1_352_343, abs=1)
    assert found["8 K20"] == pytest.approx(2_043, abs=1)
    assert passes(90, 98.05 * 3600) == pytest.approx(327, abs=1)


def test_assumptions_about_links_are_the_same_for_all():
    assert {run.machine.node.latency for run in RUNS} == {5e-6}
    assert {run.machine.network.latency for run in RUNS} == {10e-6}
    assert {run.machine.collective for run in RUNS} == {"ring"}
