"""One gradient step against the same step written out, whole and in parts."""

import math

import numpy as np
import pytest
import tiny_run
import torch

from alexnet.core.keys import Key
from alexnet.ops.dropout import dropout_draws
from alexnet.training.feed import Batch
from alexnet.training.step import precision, train_step

KEY = Key.from_seed(4)


def batch(count=10, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = 50 * torch.randn(count, 3, 8, 8, generator=generator)
    labels = torch.randint(0, tiny_run.CLASSES, (count,), generator=generator)
    return Batch(inputs.contiguous(memory_format=torch.channels_last), labels, np.arange(100, 100 + count))


def one_step(data, *, step=3, lr=0.01, net_type=None, **config):
    made = tiny_run.learner(lr=lr)
    made.net.train()
    if net_type:
        made.net.to(net_type)
        data = Batch(data.inputs.to(net_type), data.labels, data.samples)
    result = train_step(
        made.net, made.optimizer, data, tiny_run.plain(batch_size=len(data), **config), key=KEY, step=step
    )
    return made, result


def test_a_step_is_the_gradient_of_the_mean_loss_and_one_update():
    data = batch()
    made, result = one_step(data)
    net = tiny_run.network().train()
    with dropout_draws(KEY, 3, data.samples):
        logits = net(data.inputs)
    log_p = logits.double().log_softmax(1).gather(1, data.labels[:, None])
    assert result.loss == pytest.approx(float(-log_p.detach().mean()), rel=1e-6)
    torch.nn.functional.cross_entropy(logits, data.labels).backward()
    for name, p in net.named_parameters():
        lr = 0.02 if name.endswith("bias") else 0.01
        decay = 0.0 if name.endswith("bias") else 0.0005
        expected = p.detach() - lr * p.grad - lr * decay * p.detach()
        torch.testing.assert_close(tiny_run.weights(made)[name], expected, rtol=1e-5, atol=1e-7)


def test_errors_are_counted_before_the_update():
    data = batch(40)
    _, result = one_step(data)
    net = tiny_run.network().train()
    with torch.no_grad(), dropout_draws(KEY, 3, data.samples):
        best = net(data.inputs).argmax(1)
    assert result.top1_errors == int((best != data.labels).sum()) > 0
    assert (result.top5_errors, result.count) == (0, 40)


@pytest.mark.parametrize("size", [1, 3, 5, 9, 10])
def test_parts_of_a_batch_add_up_to_the_whole(size):
    """In double precision the two differ by the order of additions only."""
    data = batch()
    whole, expected = one_step(data, net_type=torch.float64)
    parts, result = one_step(data, net_type=torch.float64, micro_batch_size=size)
    assert result.loss == pytest.approx(expected.loss, rel=1e-6)
    assert (result.top1_errors, result.top5_errors, result.count) == (
        expected.top1_errors, expected.top5_errors, expected.count,
    )  # fmt: skip
    before = tiny_run.network().to(torch.float64).state_dict()
    for name, weight in tiny_run.weights(whole).items():
        change = (weight - before[name]).abs().max()
        assert change > 0
        assert (tiny_run.weights(parts)[name] - weight).abs().max() <= 1e-6 * change


def test_a_batch_is_split_in_order():
    data = batch()
    parts = list(data.split(4))
    assert [len(p) for p in parts] == [4, 4, 2]
    assert torch.equal(torch.cat([p.inputs for p in parts]), data.inputs)
    assert torch.equal(torch.cat([p.labels for p in parts]), data.labels)
    assert np.array_equal(np.concatenate([p.samples for p in parts]), data.samples)
    assert [len(p) for p in data.split(None)] == [10]


def test_masks_follow_the_step_and_the_key():
    data = batch()
    base = tiny_run.weights(one_step(data)[0])
    again, other = tiny_run.weights(one_step(data)[0]), tiny_run.weights(one_step(data, step=4)[0])
    assert all(torch.equal(base[n], again[n]) for n in base)
    assert not torch.equal(base["fc4.weight"], other["fc4.weight"])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("size", [None, 4])
def test_a_loss_that_is_not_finite_changes_nothing(value, size):
    data = batch()
    data.inputs[9, 0, 0, 0] = value
    made, result = one_step(data, micro_batch_size=size)
    assert not math.isfinite(result.loss)
    before = tiny_run.network().state_dict()
    assert all(torch.equal(w, before[n]) for n, w in tiny_run.weights(made).items())
    assert tiny_run.velocities(made) == {}


def test_gradients_of_an_earlier_step_are_forgotten():
    data = batch()
    made = tiny_run.learner()
    for p in made.net.parameters():
        p.grad = torch.full_like(p, 1000.0)
    made.net.train()
    train_step(made.net, made.optimizer, data, tiny_run.TRAIN, key=KEY, step=3)
    expected = tiny_run.weights(one_step(data)[0])
    assert all(torch.equal(w, expected[n]) for n, w in tiny_run.weights(made).items())


def test_sixteen_bit_layers_keep_weights_and_updates_in_float32():
    data = batch()
    narrow, result = one_step(data, precision="bfloat16")
    _, expected = one_step(data)
    assert result.loss == pytest.approx(expected.loss, rel=0.05) and result.loss != expected.loss
    before = tiny_run.network().state_dict()
    for name, weight in tiny_run.weights(narrow).items():
        assert weight.dtype == torch.float32 and not torch.equal(weight, before[name])
        assert torch.equal(weight, weight.bfloat16().float()) is False or name.endswith("bias")
    assert all(v.dtype == torch.float32 for v in tiny_run.velocities(narrow).values())


@pytest.mark.parametrize(("name", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_precision_is_that_of_the_layers(name, dtype):
    with precision(tiny_run.plain(precision=name), torch.device("cpu")):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == dtype


def test_the_loss_of_a_network_that_knows_nothing_is_the_logarithm_of_the_classes():
    data = batch()
    made = tiny_run.learner()
    with torch.no_grad():
        made.net.fc4.weight.zero_()
    result = train_step(made.net.train(), made.optimizer, data, tiny_run.TRAIN, key=KEY, step=0)
    assert result.loss == pytest.approx(math.log(tiny_run.CLASSES), rel=1e-6)
