"""What torch must know of the operations: schemas, shapes without data, derivatives, and one graph for a compiler."""

import numpy as np
import pytest
import torch
from maps import activations, channels_last

from alexnet.core.keys import Key
from alexnet.ops.dropout import Dropout, dropout_draws
from alexnet.ops.local_conv import local_conv2d
from alexnet.ops.lrn import local_response_norm
from alexnet.ops.spatial_norm import spatial_response_norm

OPERATIONS = {
    "local_response_norm": (5, 1e-2, 0.75, 2.0, 2),
    "spatial_response_norm": (3, 1e-2, 0.75, 1.0),
}
"""Registered operations and the arguments behind the maps."""
FUNCTIONS = {
    "lrn": lambda x: local_response_norm(x, size=5, alpha=0.01, groups=2),
    "spatial_norm": lambda x: spatial_response_norm(x, size=3, alpha=0.01),
    "local_conv": lambda x: local_conv2d(
        x, torch.linspace(-1, 1, 12 * 4 * 6 * 9).view(12, 4, 6, 3, 3), torch.ones(12, 4), pad=1
    ),
    "dropout": Dropout(0.25).eval(),
    "inverted_dropout": Dropout(0.25, inverted=True).eval(),
}
INDUCTOR_WARNS = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
"""Torch's compiler imports deprecated parts of torch."""
LAYOUTS = pytest.mark.parametrize(
    "layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"]
)


@pytest.fixture
def compiler():
    """The compiler without what it remembers of other functions."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def maps(layout=torch.contiguous_format, dtype=torch.float32):
    return activations((2, 6, 3, 4)).to(dtype).contiguous(memory_format=layout)


@LAYOUTS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_torch_can_trace_and_differentiate_the_operation(name, dtype, layout, either_way):
    operation = getattr(torch.ops.alexnet, name).default
    torch.library.opcheck(operation, (maps(layout, dtype).requires_grad_(), *OPERATIONS[name]))


@LAYOUTS
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_torch_can_trace_the_operations_derivative(name, layout):
    operation = getattr(torch.ops.alexnet, f"{name}_backward").default
    torch.library.opcheck(operation, (maps(), maps(layout), *OPERATIONS[name]))


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_shapes_and_layouts_are_known_without_data(name):
    operation = getattr(torch.ops.alexnet, name).default
    x = torch.empty(2, 6, 3, 4, device="meta").contiguous(memory_format=torch.channels_last)
    y = operation(x, *OPERATIONS[name])
    assert y.device.type == "meta" and y.shape == x.shape and y.stride() == x.stride()


def check_compiled(name, layout, **options):
    function = FUNCTIONS[name]
    x, again = (maps(layout).requires_grad_() for _ in range(2))
    expected, got = function(x), torch.compile(function, fullgraph=True, **options)(again)
    for y in (expected, got):
        (y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum().backward()
    for ours, theirs in ((got, expected), (again.grad, x.grad)):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6 * float(theirs.detach().abs().max()))


@LAYOUTS
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_it_is_one_graph(name, layout, compiler):
    check_compiled(name, layout, backend="aot_eager")


@pytest.mark.slow
@INDUCTOR_WARNS
@LAYOUTS
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_inductor_computes_the_same(name, layout, compiler):
    check_compiled(name, layout)


def test_batches_of_any_size_are_one_graph(compiler):
    graphs = []

    def counting(graph, inputs):
        graphs.append(graph)
        return graph.forward

    function = torch.compile(FUNCTIONS["lrn"], backend=counting, fullgraph=True, dynamic=True)
    for count in (2, 3, 5):
        x = channels_last(activations((count, 6, 3, 4)).float())
        assert torch.equal(function(x), FUNCTIONS["lrn"](x))
    assert len(graphs) == 1


def test_dropout_trains_inside_a_compiled_function(compiler):
    kept = torch.compile(Dropout(0.5).train(), backend="aot_eager")(torch.ones(20, 50)).count_nonzero()
    assert abs(int(kept) - 500) < 6 * 0.5 * 1000**0.5


def test_dropout_keeps_its_keyed_masks_inside_a_compiled_function(compiler):
    layer, x = Dropout(0.5, name="drop6").train(), torch.ones(4, 50)
    compiled = torch.compile(layer, backend="aot_eager")
    with dropout_draws(Key.from_seed(3), 1, np.arange(4)):
        assert torch.equal(compiled(x), layer(x))
