"""Networks of torch's own layers only: the same function, the same weights."""

import pytest
import torch
from small_networks import built, pictures, tiny
from torch import nn

from alexnet.nets.catalog import NETWORKS
from alexnet.nets.plain import plain_network


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_it_computes_what_the_network_does_with_the_same_weights(name):
    net = built(tiny(name), 4)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    plain = plain_network(net)
    own = dict(net.named_parameters())
    assert {n: p.data_ptr() for n, p in plain.named_parameters()} == {n: p.data_ptr() for n, p in own.items()}
    x = pictures(net, 3)
    with torch.inference_mode():
        near = net(x)
        torch.testing.assert_close(plain(x), near, rtol=1e-5, atol=1e-5 * float(near.abs().max()))
        wide, x = built(tiny(name), 4).double(), x.double()
        exact = wide(x)
        torch.testing.assert_close(
            plain_network(wide)(x), exact, rtol=1e-9, atol=1e-9 * float(exact.abs().max())
        )


def test_a_layer_that_has_no_plain_form_is_named():
    net = built(tiny("alexnet"), 4)
    net.relu1 = nn.Hardswish()
    with pytest.raises(ValueError, match="relu1: Hardswish has no plain form"):
        plain_network(net)
