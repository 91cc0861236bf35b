"""Schedules against the numbers of the paper, of the diaries of 2012 and of the closed formulas."""

import math
from importlib import resources
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.config.load import build, read_toml
from alexnet.optim.schedule import Constant, Cosine, Geometric, Plateau, Polynomial, Rates, Stage, Stages

RECIPES = resources.files("alexnet") / "recipes"
DIARY_145 = build(Stages, read_toml(RECIPES / "alexnet-145-ilsvrc2012.toml")["schedule"])
"""Config 145 on ILSVRC-2012, as the packaged recipe states it."""

EVERY = [
    Constant(),
    DIARY_145,
    Plateau(),
    Geometric(),
    Geometric(warmup_epochs=2),
    Cosine(),
    Cosine(warmup_epochs=3),
    Polynomial(),
    Polynomial(power=1.0, warmup_epochs=5, warmup_from=0.1),
]


def scales(schedule, epochs, points):
    return [schedule.rates(point, epochs, []).scale for point in points]


@pytest.mark.parametrize("schedule", EVERY, ids=lambda s: s.kind)
def test_a_schedule_is_a_pure_function(schedule):
    errors = [0.5, 0.4, 0.41, 0.42, 0.43]
    points = [0, 3.5, 40, 89.9, 25.0, 0, 72]
    first = [schedule.rates(p, 90, errors) for p in points]
    assert [schedule.rates(p, 90, list(errors)) for p in points] == first
    assert [schedule.rates(p, 90, errors) for p in reversed(points)] == first[::-1]
    assert errors == [0.5, 0.4, 0.41, 0.42, 0.43]


def test_a_constant_schedule_changes_nothing():
    assert [Constant().rates(e, 90, []) for e in (0, 45.5, 90)] == [Rates(1.0, 1.0)] * 3


# --- stages


@pytest.mark.parametrize(
    ("epoch", "weights", "biases", "conv1", "noise"),
    [
        (0, 0.01, 0.02, 0.01, True),
        (24.9999, 0.01, 0.02, 0.01, True),
        (25, 0.001, 0.002, 0.001, True),
        (50.99, 0.001, 0.002, 0.001, True),
        (51, 0.0001, 0.002, 0.0001, True),
        (67, 0.0001, 0.002, 0.00001, False),
        (71.9, 0.0001, 0.002, 0.00001, False),
        (72, 0.0001, 0.002, 0.0, False),
        (79, 0.00001, 0.002, 0.0, False),
        (90.9, 0.00001, 0.002, 0.0, False),
    ],
)
def test_stages_follow_the_diary_of_config_145(epoch, weights, biases, conv1, noise):
    rates = DIARY_145.rates(epoch, 91, [])
    assert 0.01 * rates.scale == pytest.approx(weights)
    assert 0.02 * rates.bias_scale == pytest.approx(biases)
    assert 0.01 * rates.layer_scale.get("conv1", rates.scale) == pytest.approx(conv1)
    assert rates.color_noise == noise and not rates.finished


def test_biases_follow_the_weights_unless_a_stage_says_otherwise():
    schedule = Stages(stages=(Stage(epoch=0, scale=1.0), Stage(epoch=2, scale=0.25)))
    assert schedule.rates(2, 4, []).bias_scale == 0.25


def test_a_stage_begins_at_a_fraction_that_rounding_made_slightly_smaller():
    schedule = Stages(stages=(Stage(epoch=0, scale=1.0), Stage(epoch=0.3, scale=0.5)))
    assert schedule.rates(0.1 * 3 - 1e-12, 1, []).scale == 0.5
    assert schedule.rates(0.2999, 1, []).scale == 1.0


@pytest.mark.parametrize("epochs", [[], [1], [0, 5, 3]])
def test_stages_that_do_not_start_at_zero_and_rise_are_refused(epochs):
    with pytest.raises(ValueError, match="stages must start at epoch 0 and rise"):
        Stages(stages=tuple(Stage(epoch=e, scale=1.0) for e in epochs))


# --- plateau


def replay(schedule, errors):
    return [schedule.rates(n, 1000, errors[:n]) for n in range(len(errors) + 1)]


def test_a_plateau_divides_by_ten_three_times_and_then_ends():
    rates = replay(Plateau(patience=2), [0.5] * 12)
    assert [round(-math.log10(r.scale)) for r in rates] == [0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3]
    assert [r.finished for r in rates] == [False] * 9 + [True] * 4
    assert all(r.bias_scale == r.scale for r in rates)


def test_improvement_starts_the_patience_again():
    errors = [0.5, 0.5, 0.4, 0.4, 0.3, 0.3, 0.2, 0.2]
    assert all(r.scale == 1 for r in replay(Plateau(patience=2), errors))
    assert replay(Plateau(patience=2), [*errors, 0.2])[-1].scale == pytest.approx(0.1)


def test_an_improvement_too_small_to_count_is_none():
    creeping = [0.5 - 0.0005 * n for n in range(4)]
    assert replay(Plateau(patience=3), creeping)[-1].scale == 1
    assert replay(Plateau(patience=2), creeping[:3])[-1].scale == pytest.approx(0.1)
    assert replay(Plateau(patience=2, min_improvement=0.0001), creeping)[-1].scale == 1


def test_small_steps_that_add_up_count():
    """The best error is what counted last, so that a slow fall of 0.0005 an epoch counts every third time."""
    assert replay(Plateau(patience=4), [0.5 - 0.0005 * n for n in range(40)])[-1].scale == 1


def test_an_error_that_is_not_a_number_is_no_improvement():
    assert replay(Plateau(patience=2), [0.5, math.nan, math.nan])[-1].scale == pytest.approx(0.1)


def test_no_drops_at_all_is_early_stopping():
    rates = replay(Plateau(patience=2, max_drops=0), [0.5, 0.5, 0.5])
    assert [r.finished for r in rates] == [False, False, False, True] and rates[-1].scale == 1


# --- geometric


def test_geometric_steps_are_those_of_config_170():
    got = [0.01 * s for s in scales(Geometric(), 90, (0, 22.49, 22.5, 44.9, 45, 67.4, 67.5, 89.99, 90))]
    expected = [0.01, 0.01, 0.0015874, 0.0015874, 0.00025198, 0.00025198, 0.00004, 0.00004, 0.00004]
    assert got == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("epochs", [4, 10, 30, 90])
def test_geometric_steps_are_equally_long(epochs):
    points = [epochs * i / 400 for i in range(400)]
    values = scales(Geometric(), epochs, [round(p, 6) for p in points])
    assert [values.count(v) for v in sorted(set(values), reverse=True)] == [100] * 4


def test_geometric_biases_fall_to_a_tenth_half_way():
    got = [0.02 * Geometric().rates(e, 90, []).bias_scale for e in (0, 44.99, 45, 90)]
    assert got == pytest.approx([0.02, 0.02, 0.002, 0.002])


def test_geometric_noise_ends_at_its_fraction():
    schedule = Geometric(color_noise_until=0.75)
    assert [schedule.rates(e, 90, []).color_noise for e in (0, 67, 67.5, 89)] == [True, True, False, False]
    assert Geometric().rates(89.9, 90, []).color_noise


@pytest.mark.parametrize("options", [{"steps": 1}, {"steps": 0}, {"factor": 0}, {"factor": -2.0}])
def test_geometric_without_steps_is_refused(options):
    with pytest.raises(ValueError, match="geometric needs"):
        Geometric(**options)


# --- cosine


def test_cosine_is_half_a_cosine():
    got = scales(Cosine(), 8, range(9))
    assert got == pytest.approx([(1 + math.cos(math.pi * e / 8)) / 2 for e in range(9)])
    assert got[0] == 1 and got[4] == pytest.approx(0.5) and got[8] == pytest.approx(0)


def test_cosine_ends_at_its_final_factor():
    assert scales(Cosine(final=0.1), 10, (0, 5, 10, 11)) == pytest.approx([1, 0.55, 0.1, 0.1])


def test_cosine_begins_after_the_warm_up():
    cosine = Cosine(warmup_epochs=2, warmup_from=0.2)
    assert scales(cosine, 10, (0, 1, 2, 6, 10)) == pytest.approx([0.2, 0.6, 1, 0.5, 0])
    assert scales(Cosine(warmup_epochs=10, warmup_from=0), 10, (0, 5)) == pytest.approx([0, 0.5])


# --- polynomial


@given(st.integers(0, 10_000), st.floats(0.1, 4), st.integers(1, 200))
def test_polynomial_is_a_power_of_what_is_left(step, power, epochs):
    """The part that has passed is rounded to 2^-53, and at least 1/10,000 is left before the end: hence 1e-11."""
    assert Polynomial(power=power).rates(epochs * step / 10_000, epochs, []).scale == pytest.approx(
        ((10_000 - step) / 10_000) ** power, rel=1e-11
    )


def test_polynomial_begins_after_the_warm_up_and_ends_at_zero():
    schedule = Polynomial(warmup_epochs=10, warmup_from=0.1)
    assert scales(schedule, 110, (0, 5, 10, 60, 110, 111)) == pytest.approx([0.1, 0.55, 1, 0.25, 0, 0])
    assert schedule.rates(60, 110, []).bias_scale == pytest.approx(0.25)


@pytest.mark.parametrize("power", [0, -1.0, math.nan])
def test_polynomial_that_does_not_fall_is_refused(power):
    with pytest.raises(ValueError, match="power must be positive"):
        Polynomial(power=power)


# --- warm-up


def test_warm_up_rises_linearly_for_weights_and_biases():
    rates = [Geometric(warmup_epochs=2, warmup_from=0.2).rates(e, 90, []) for e in (0, 0.5, 1, 2, 3)]
    assert [r.scale for r in rates] == pytest.approx([0.2, 0.4, 0.6, 1, 1])
    assert [r.bias_scale for r in rates] == pytest.approx([0.2, 0.4, 0.6, 1, 1])


@pytest.mark.parametrize("kind", [Geometric, Cosine, Polynomial])
def test_a_warm_ups_first_step_is_not_wasted(kind):
    rates = kind(warmup_epochs=5).rates(0, 90, [])
    assert rates.scale == rates.bias_scale == 0.01


@pytest.mark.parametrize("kind", [Geometric, Cosine, Polynomial])
def test_without_a_warm_up_the_first_rate_is_the_starting_rate(kind):
    assert kind(warmup_from=0.5).rates(0, 90, []).scale == 1


def test_the_linear_rule_begins_with_the_rate_of_the_small_batch():
    """Goyal et al. 2017, section 2.2: from the rate of 256 images to that of 8,192 in five epochs."""
    schedule = Polynomial(warmup_epochs=5, warmup_from=256 / 8192)
    assert [3.2 * s for s in scales(schedule, 90, (0, 5))] == pytest.approx([0.1, 3.2])


@pytest.mark.parametrize("kind", [Geometric, Cosine, Polynomial])
@pytest.mark.parametrize(
    "options",
    [{"warmup_epochs": -1.0}, {"warmup_epochs": math.nan}, {"warmup_from": -0.1}, {"warmup_from": 1.1}],
)
def test_a_warm_up_that_does_not_rise_is_refused(kind, options):
    with pytest.raises(ValueError, match=r"warmup_epochs must not be negative, warmup_from in 0 \.\. 1"):
        kind(**options)


@pytest.mark.parametrize(
    "schedule",
    [Cosine(), Cosine(warmup_epochs=1), Geometric(), Polynomial(), Polynomial(warmup_epochs=1)],
    ids=lambda s: s.kind,
)
def test_rates_never_rise_after_the_warm_up(schedule):
    got = scales(schedule, 9, [1 + i / 100 for i in range(801)])
    assert all(a >= b for a, b in pairwise(got))


def test_rates_are_values():
    assert Rates(1.0, 1.0) == Rates(1.0, 1.0, {}, True, False)
