"""Convolutions on kernels in the library's order: the values of torch's own, and never of weights that have changed."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from alexnet.ops import packed_conv
from alexnet.ops.strided_conv import block_kernels

PRECISIONS = pytest.mark.parametrize("narrow", [False, True], ids=["f32", "bf16"])


SIDES = st.integers(5, 12)


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from([1, 2]))
    kernel = draw(st.integers(1, 5))
    return {
        "shape": (draw(st.integers(1, 5)), groups * draw(st.integers(1, 20)), draw(SIDES), draw(SIDES)),
        "maps": groups * draw(st.integers(1, 20)),
        "kernel": kernel,
        "stride": draw(st.integers(1, 3)),
        "pad": draw(st.integers(0, kernel // 2)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }


def library_is_right(case):
    """oneDNN 3.x with AMX miscomputes bfloat16 convolutions with a stride whose result is one or two pixels wide."""
    return case["stride"] == 1 or (case["shape"][3] + 2 * case["pad"] - case["kernel"]) // case["stride"] > 1


def tensors(case, seed=0):
    generator = torch.Generator().manual_seed(seed)
    channels = case["shape"][1] // case["groups"]
    x = torch.randn(case["shape"], generator=generator).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(case["maps"], channels, case["kernel"], case["kernel"], generator=generator)
    bias = nn.Parameter(torch.randn(case["maps"], generator=generator)) if case["bias"] else None
    return x, nn.Parameter(weight.contiguous(memory_format=torch.channels_last)), bias


@PRECISIONS
@given(case=convolutions().filter(library_is_right))
@settings(max_examples=60, deadline=None)
def test_it_is_a_convolution(narrow, case):
    x, weight, bias = tensors(case)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        if not packed_conv.takes(x, weight):
            pytest.skip("this processor has no bfloat16 convolutions")
        options = {"stride": case["stride"], "groups": case["groups"]}
        expected = F.conv2d(x, weight, bias, padding=case["pad"], **options)
        for _ in range(2):
            got = packed_conv.packed_conv2d(x, weight, bias, pad=case["pad"], **options)
            assert got.dtype == expected.dtype
            torch.testing.assert_close(got, expected, rtol=2**-7 if narrow else 1e-5, atol=1e-5)


CASE = {"shape": (2, 4, 6, 6), "maps": 8, "kernel": 3, "stride": 1, "pad": 1, "groups": 2, "bias": True}


@PRECISIONS
def test_a_changed_weight_is_brought_into_order_again(narrow):
    x, weight, bias = tensors(CASE)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        before = packed_conv.packed_conv2d(x, weight, bias, pad=1, groups=2)
        weight.mul_(2)
        bias.add_(1)
        after = packed_conv.packed_conv2d(x, weight, bias, pad=1, groups=2)
        assert not torch.equal(before, after)
        assert torch.equal(after, F.conv2d(x, weight, bias, padding=1, groups=2))


def test_many_input_shapes_keep_a_few_orders_only():
    x, weight, bias = tensors(CASE)
    with torch.no_grad():
        for count in (*range(1, 9), 1):
            some = x[:1].expand(count, -1, -1, -1).contiguous(memory_format=torch.channels_last)
            got = packed_conv.packed_conv2d(some, weight, bias, pad=1, groups=2)
            assert torch.equal(got, F.conv2d(some, weight, bias, padding=1, groups=2))
        assert len(packed_conv._packed.current(weight)) == packed_conv._MAX_SHAPES


def test_not_a_number_comes_through():
    x, weight, bias = tensors(CASE)
    x[0] = torch.nan
    with torch.no_grad():
        y = packed_conv.packed_conv2d(x, weight, bias, pad=1, groups=2)
    assert y[0].isnan().all()
    assert y[1].isfinite().all()


def test_kernels_may_be_made_of_the_parameter():
    generator = torch.Generator().manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 3, 5, 5, generator=generator))
    x = torch.randn(2, 12, 7, 7, generator=generator).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        got = packed_conv.packed_conv2d(x, weight, None, form=lambda w: block_kernels(w, 2))
        assert torch.equal(got, F.conv2d(x, block_kernels(weight, 2)))


@pytest.mark.parametrize("refused", ["gradients", "NCHW", "double", "a weight that is computed"])
def test_what_it_does_not_take_is_told(refused):
    x, weight, _ = tensors(CASE)
    with torch.set_grad_enabled(refused == "gradients"):
        x = x.contiguous() if refused == "NCHW" else x.double() if refused == "double" else x
        with torch.enable_grad():
            used = weight * 2 if refused == "a weight that is computed" else weight
        assert not packed_conv.takes(x, used)
