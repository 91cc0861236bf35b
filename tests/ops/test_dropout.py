"""Dropout: the two conventions, and masks that depend on (key, layer, step, sample) alone."""

import numpy as np
import pytest
import torch

from alexnet.core.keys import Key
from alexnet.ops.dropout import Draws, Dropout, dropout_draws, keyed_mask

KEY = Key.from_seed(7)


def masks(samples, *, step=3, name="drop6", rate=0.5, key=KEY, units=97):
    layer = Dropout(rate, name=name)
    with dropout_draws(key, step, np.asarray(samples)):
        return layer(torch.ones(len(samples), units)).bool()


# --- the two conventions


def test_the_papers_dropout_passes_kept_units_unchanged_and_halves_at_test():
    layer = Dropout(0.5)
    x = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
    with dropout_draws(KEY, 0, np.arange(64)):
        y = layer.train()(x)
    kept = y != 0
    assert torch.equal(y[kept], x[kept])
    assert torch.equal(layer.eval()(x), 0.5 * x)


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9])
def test_test_time_multiplies_by_the_probability_of_keeping(rate):
    x = torch.randn(4, 100, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(Dropout(rate).eval()(x), (1 - rate) * x, rtol=1e-7, atol=0)


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_inverted_dropout_rescales_in_training_and_is_nothing_at_test(rate):
    layer = Dropout(rate, inverted=True)
    x = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
    with dropout_draws(KEY, 0, np.arange(64)):
        y = layer.train()(x)
    kept = y != 0
    torch.testing.assert_close(y[kept], x[kept] / (1 - rate), rtol=1e-6, atol=0)
    assert layer.eval()(x) is x


def test_gradient_flows_through_kept_units_only():
    x = torch.ones(8, 50, requires_grad=True)
    with dropout_draws(KEY, 0, np.arange(8)):
        y = Dropout(0.5)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_halved_weights_make_inverted_dropout_the_same_network():
    """W_inv = W / 2 behind each dropout gives the same function, and the same training with rate / 4, decay x 4."""
    decay, rate = 0.01, 0.1
    generator = torch.Generator().manual_seed(1)
    first, second = (torch.randn(8, n, generator=generator, dtype=torch.float64) for n in (6, 8))
    x = torch.randn(5, 6, generator=generator, dtype=torch.float64)
    original, inverted = (
        torch.nn.Sequential(
            torch.nn.Linear(6, 8), Dropout(0.5, inverted=flag, name="drop"), torch.nn.Linear(8, 8)
        ).double()
        for flag in (False, True)
    )
    with torch.no_grad():
        for net, factor in ((original, 1.0), (inverted, 0.5)):
            net[0].weight.copy_(first)
            net[2].weight.copy_(factor * second)
            net[0].bias.fill_(0.1)
            net[2].bias.zero_()
    for step in range(4):
        outputs = []
        for net, lr, wd in ((original, rate, decay), (inverted, rate / 4, 4 * decay)):
            with dropout_draws(KEY, step, np.arange(5)):
                outputs.append(net(x))
            weight = net[2].weight
            (gradient,) = torch.autograd.grad(outputs[-1].square().sum(), weight)
            with torch.no_grad():
                weight -= lr * (gradient + wd * weight)
        torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(original[2].weight, 2 * inverted[2].weight, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(original.eval()(x), inverted.eval()(x), rtol=1e-12, atol=1e-12)


# --- keyed masks


def test_a_sample_has_its_mask_in_any_order_and_any_part_of_a_batch():
    samples = np.array([5, 900_000, 0, 17, 3])
    whole = masks(samples)
    order = np.array([3, 0, 4, 2, 1])
    assert torch.equal(masks(samples[order]), whole[order])
    assert torch.equal(torch.cat([masks(samples[:2]), masks(samples[2:])]), whole)


@pytest.mark.parametrize("rate", [0.5, 0.3])
def test_masks_differ_between_layers_steps_samples_and_keys(rate):
    base = masks([1], rate=rate, units=512)
    others = [
        masks([1], rate=rate, units=512, name="drop7"),
        masks([1], rate=rate, units=512, step=4),
        masks([2], rate=rate, units=512),
        masks([1], rate=rate, units=512, key=Key.from_seed(8)),
    ]
    keep = 1 - rate
    expected = keep**2 + rate**2
    for other in others:
        agreement = float((base == other).float().mean())
        assert abs(agreement - expected) < 6 * (expected * (1 - expected) / 512) ** 0.5


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.75, 0.999])
def test_the_rate_is_the_fraction_dropped(rate):
    kept = masks(np.arange(400), rate=rate, units=1000).double()
    spread = (rate * (1 - rate) / 400_000) ** 0.5
    assert abs(float(kept.mean()) - (1 - rate)) < 5 * spread
    per_unit = kept.mean(0)
    assert float((per_unit - (1 - rate)).abs().max()) < 6 * (rate * (1 - rate) / 400) ** 0.5 + 1 / 400


def test_nothing_is_dropped_at_a_rate_of_zero():
    assert masks(np.arange(3), rate=0.0).all()


@pytest.mark.parametrize("rate", [0.5, 0.3])
@pytest.mark.parametrize("units", [1, 31, 32, 33, 64])
def test_a_unit_has_its_bit_whatever_the_width(units, rate):
    draws = Draws(KEY, 2, np.arange(6))
    wide = keyed_mask(draws, "drop6", 96, rate)
    assert np.array_equal(keyed_mask(draws, "drop6", units, rate), wide[:, :units])


def test_maps_are_masked_unit_by_unit():
    layer = Dropout(0.5, name="drop6")
    with dropout_draws(KEY, 0, np.arange(3)):
        maps = layer(torch.ones(3, 4, 5, 6))
        flat = layer(torch.ones(3, 120))
    assert torch.equal(maps.flatten(1), flat)


@pytest.mark.parametrize("rate", [0.5, 0.3])
@pytest.mark.parametrize("part", [slice(0, 33), slice(33, 34), slice(34, 120)])
def test_a_part_of_the_units_has_its_part_of_the_mask(rate, part):
    whole, own = Dropout(rate, name="drop6"), Dropout(rate, name="drop6")
    own.part, x = part, torch.ones(3, 120)
    with dropout_draws(KEY, 0, np.arange(3)):
        assert torch.equal(own(x[:, part]), whole(x)[:, part])


def test_sixteen_bit_activations_keep_their_type():
    for inverted in (False, True):
        with dropout_draws(KEY, 0, np.arange(2)):
            assert Dropout(inverted=inverted)(torch.ones(2, 9, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_keyed_masks_leave_torchs_generator_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    masks(np.arange(4))
    assert torch.equal(torch.get_rng_state(), state)


def test_outside_the_block_masks_come_from_torchs_generator():
    layer, x = Dropout(0.5), torch.ones(20, 50)
    torch.manual_seed(1)
    first, other = layer(x), layer(x)
    torch.manual_seed(1)
    assert torch.equal(layer(x), first)
    assert not torch.equal(first, other)
    assert abs(float(first.mean()) - 0.5) < 6 * 0.5 / 1000**0.5


def test_the_block_ends_even_after_an_error():
    layer, x = Dropout(0.5), torch.ones(2, 64)
    with pytest.raises(RuntimeError), dropout_draws(KEY, 0, np.arange(2)):
        raise RuntimeError
    torch.manual_seed(1)
    first = layer(x)
    assert not torch.equal(layer(x), first)


def test_an_inner_block_gives_way_to_the_outer_one():
    layer, x = Dropout(0.5), torch.ones(2, 64)
    with dropout_draws(KEY, 0, np.arange(2)):
        outer = layer(x)
        with dropout_draws(KEY, 1, np.arange(2)):
            assert not torch.equal(layer(x), outer)
        assert torch.equal(layer(x), outer)


@pytest.mark.parametrize("rate", [1.0, -0.1, float("nan")])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\)"):
        Dropout(rate)
