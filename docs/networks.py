"""Writes docs/networks.md from the tables in src/alexnet/nets: `python docs/networks.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alexnet.nets.catalog import NETWORKS
from alexnet.nets.compare import compare
from alexnet.nets.describe import by, describe_network, layer_table

PAGE = Path(__file__).with_suffix(".md")

WHOLE = (
    "alexnet",
    "cifar10_19pct",
    "cifar10_13pct",
    "lenet1",
    "lenet5",
    "lenet5_modern",
    "one_hidden_layer",
    "shallow_conv",
)
"""Networks that are shown row by row."""

VARIANTS = {
    "alexnet_145": "alexnet",
    "alexnet_145_half": "alexnet_145",
    "alexnet_146": "alexnet_145",
    "alexnet_146_2011": "alexnet_146",
    "alexnet_147": "alexnet_145",
    "alexnet_148": "alexnet_145",
    "alexnet_150": "alexnet_145",
    "alexnet_pool2": "alexnet",
    "alexnet_one_tower": "alexnet",
    "alexnet_slide": "alexnet_one_tower",
    "alexnet_bn": "alexnet",
    "alexnet_caffe": "alexnet",
    "caffenet": "alexnet_caffe",
    "alexnet_bn_caffe": "alexnet_caffe",
    "alexnet_owt": "alexnet_one_tower",
    "alexnet_small": "alexnet",
    "alexnet_small_63": "alexnet_small",
    "zfnet": "alexnet_one_tower",
    "cifar10_80sec": "cifar10_19pct",
    "cifar10_18pct": "cifar10_19pct",
    "cifar10_11pct": "cifar10_13pct",
}
"""Networks that are shown by what distinguishes them from another."""

_HEAD = """\
# The networks

Written by `python docs/networks.py` from the tables in `src/alexnet/nets`; a test compares this page with them.
`alexnet show NAME` prints one network, `alexnet show NAME OTHER` the differences of two.

Parameters are the trainable ones. MACs are the multiply-accumulate operations of one picture's forward pass.
Neurons are the outputs of layers with weights of their own; connections are the wires into them, biases included,
as LeCun et al. count them. What the paper says of each number: [paper-to-code.md](paper-to-code.md).
"""

_LEGEND = """\
`std` and `bias` are the initial weights (n: inputs per unit), `sees` is the side of the square of pixels that one
unit reads (borders left aside), `crosses` counts the values that the towers read of each other.
"""


def page() -> str:
    """Return docs/networks.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield from _counts()
    yield f"\n## Row by row\n\n{_LEGEND}"
    for name in WHOLE:
        spec = NETWORKS[name]
        yield f"### {name}\n\nSource: {spec.source}. Input: {by(spec.input_shape)}.\n"
        headers, rows = layer_table(spec)
        yield from _table(headers, rows, texts=3)
        yield ""
    yield "## Variants\n\nOnly what distinguishes each from its nearest relative, which the third column names.\n"
    for name, base in VARIANTS.items():
        yield f"### {name}\n\nSource: {NETWORKS[name].source}.\n"
        rows = [difference.words for difference in compare(NETWORKS[base], NETWORKS[name])]
        yield from _table(("layer", "field", base, name), rows, texts=4)
        yield ""


def _counts() -> Iterator[str]:
    rows = []
    for name, spec in NETWORKS.items():
        facts = describe_network(spec)
        counts = (f"{facts[count]:,}" for count in ("parameters", "macs", "neurons", "connections"))
        rows.append((f"`{name}`", by(spec.input_shape), f"{facts['num_classes']:,}", *counts))
    headers = ("network", "input", "classes", "parameters", "MACs", "neurons", "connections")
    return _table(headers, rows, texts=2)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int) -> Iterator[str]:
    """Yield a Markdown table; the columns behind the first `texts` hold numbers."""
    yield _row(headers)
    yield _row("---" if i < texts else "---:" for i in range(len(headers)))
    yield from map(_row, rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
