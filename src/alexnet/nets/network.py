"""From a table of rows to a `torch.nn.Module`."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection, Iterator

from torch import Tensor, nn

from alexnet.core.keys import Key
from alexnet.nets.initialize import initialize
from alexnet.nets.layers import Convolution, FlatLinear, build_layer
from alexnet.nets.plan import Plans
from alexnet.nets.rows import Linear
from alexnet.nets.shapes import output_shape
from alexnet.nets.tables import NetSpec, Table


class Network(nn.Sequential):
    """The layers of a table in order, under their names: `conv1`, `relu1`, ..., `fc8`.

    Input float (N, C, H, W), output logits (N, num_classes). Parameters are `conv1.weight` ... `fc8.bias`; they
    hold no values until `initialize` or stored weights fill them.
    """

    def __init__(self, spec: NetSpec, num_classes: int, table: Table | None = None):
        table = spec.table if table is None else table
        _check_names(table)
        super().__init__(OrderedDict(_modules(table, spec.input_shape, num_classes)))
        self.spec, self.table, self.num_classes = spec, table, num_classes
        self._plans = Plans()

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one input."""
        return self.spec.input_shape

    @property
    def rounds_inputs(self) -> bool:
        """Whether the first layer rounds its inputs under bfloat16 autocast: given in bfloat16, they mean the same."""
        return type(self[0]) is Convolution

    @property
    def classifier_name(self) -> str:
        """Name of the last layer, whose outputs are the logits."""
        return self.table[-1].name

    @property
    def num_features(self) -> int:
        """Length of the vector that the last layer reads."""
        shape: tuple[int, ...] = self.input_shape
        for row in self.table[:-1]:
            shape = output_shape(row, shape, self.num_classes)
        return math.prod(shape)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.get_submodule(self.classifier_name)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of pictures (N, C, H, W)."""
        return self._plans.run(list(self), x)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return what the last layer reads, (N, num_features); dropout applies in training."""
        return self._plans.run(list(self)[:-1], x).flatten(1)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Return the logits (N, num_classes) of features (N, num_features), or with `pre_logits` the features."""
        return features if pre_logits else self.get_classifier()(features)

    def forward_intermediates(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """Return the outputs of the named layers, in the network's order; nothing behind the last is computed.

        Raises:
            KeyError: no layer has this name; lists the known ones.
        """
        wanted = set(names)
        known = [name for name, _ in self.named_children()]
        for name in wanted.difference(known):
            raise KeyError(f"no layer {name!r}; the layers are {', '.join(known)}")
        outputs: dict[str, Tensor] = {}
        for name, layer in self.named_children():
            if len(outputs) == len(wanted):
                break
            x = layer(x)
            if name in wanted:
                outputs[name] = x
        return outputs

    def reset_classifier(self, num_classes: int, key: Key | None = None) -> None:
        """Replace the last layer by a fresh fully connected one with `num_classes` outputs."""
        parameter = next(self.parameters())
        factory = {"device": parameter.device, "dtype": parameter.dtype}
        last = self.table[-1]
        row = last if isinstance(last, Linear) else Linear(last.name, std=None)
        setattr(self, row.name, FlatLinear(self.num_features, num_classes, **factory))
        self.table, self.num_classes = (*self.table[:-1], row), num_classes
        initialize(self, (row,), key)


def _check_names(table: Table) -> None:
    names = [row.name for row in table]
    for name in names:
        if (
            not name.isidentifier()
            or hasattr(Network, name)
            or name in ("spec", "table", "num_classes", "training")
        ):
            raise ValueError(f"{name!r} cannot be the name of a layer")
    if len(set(names)) < len(names):
        raise ValueError("two layers have one name")


def _modules(
    table: Table, input_shape: tuple[int, int, int], num_classes: int
) -> Iterator[tuple[str, nn.Module]]:
    shape: tuple[int, ...] = input_shape
    for row in table:
        out = output_shape(row, shape, num_classes)
        yield row.name, build_layer(row, shape, out)
        shape = out
