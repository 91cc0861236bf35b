"""Every kind of network as an ONNX file and as a torch program: the same probabilities, any number of pictures."""

import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_networks import built, of_rows, tiny

from alexnet.core.errors import AlexNetError, UsageError
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.input import InputSpec
from alexnet.export import onnx_file, write
from alexnet.export.check import agreement, drawn_pictures
from alexnet.export.formats import FORMATS, format_of
from alexnet.export.onnx_file import onnx_runner, to_onnx
from alexnet.export.program import program_runner, to_program
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.rows import Linear, Lrn, SpatialNorm, Subsample
from alexnet.runs.predictor import Predictor

WITH_EVERY_ROW = ("alexnet_145", "alexnet_150", "alexnet_bn", "cifar10_11pct", "lenet5", "lenet1", "zfnet")
"""Between them they hold every kind of row; exporting one takes seconds."""
onnx = pytest.importorskip("onnx", reason="the export extra is not installed")


def classifier(name, *, pad=0, larger=0, bfloat16=False):
    """A tiny network that reads the middle of prepared pictures, less a mean that differs from pixel to pixel."""
    net = built(tiny(name), 7)
    channels, side, _ = net.input_shape
    random = np.random.default_rng(0)
    spec = InputSpec(
        size=side - 2 * pad + larger,
        crop=side,
        channels=channels,
        filter="bilinear",
        exif_rotate=True,
        scale=0.02,
        mean=random.uniform(100, 150, (side, side, channels)).astype(np.float32),
        pad=pad,
    )
    names = [f"class {k}" for k in range(7)]
    return ViewClassifier(net=net, input=spec, classes=names, class_names=names, bfloat16=bfloat16)


@pytest.mark.parametrize("name", WITH_EVERY_ROW)
def test_an_onnx_file_computes_the_same_for_any_number_of_pictures(name):
    made = classifier(name, larger=3)
    data = to_onnx(made, prepares=True)
    found = agreement(onnx_runner(data), made, drawn_pictures(made.input, 8), prepares=True)
    assert found.images == 8 and found.same_top5 == 8 and found.largest_difference < 1e-5
    file = onnx.load_model_from_string(data)
    assert {node.domain for node in file.graph.node} == {""}, "operators of ONNX only"
    norms = sum(type(row).__name__ == "Lrn" for row in NETWORKS[name].table)
    assert any(node.op_type == "LRN" for node in file.graph.node) == (norms > 0)
    assert [i.name for i in file.graph.input] == ["image"]
    assert [o.name for o in file.graph.output] == ["logits", "probabilities"]
    told = {entry.key: entry.value for entry in file.metadata_props}
    assert told["class_names"] == str(list(made.class_names)).replace("'", '"')
    assert "uint8" in told["preparation"]


@pytest.mark.parametrize("row", [Lrn("n", groups=2), Lrn("n", size=3, alpha=0.01, beta=0.5, k=1.0),
                                 SpatialNorm("n", 3, 0.02), Subsample("n", kind="sum", std=1.0, bias=0.5),
                                 Subsample("n", kind="average", std=1.0)], ids=repr)  # fmt: skip
def test_layers_with_formulas_of_their_own_are_exported_with_large_activities(row):
    """Those of an untrained network are so small that a wrong norm would pass for rounding."""
    net = built(of_rows(row, Linear("fc", 3), input_shape=(4, 6, 6)))
    spec = InputSpec(6, 6, 4, "bilinear", True, 0.1, np.full((6, 6, 4), 20, np.float32))
    made = ViewClassifier(net=net, input=spec, classes="abc", class_names="abc")
    pictures = drawn_pictures(spec, 6)
    for runner in (onnx_runner(to_onnx(made, prepares=True)), program_runner(to_program(made, prepares=True))):
        assert agreement(runner, made, pictures, prepares=True).largest_difference < 1e-6


def test_a_file_does_not_tell_where_it_was_made():
    data = to_onnx(classifier("lenet1"), prepares=True)
    assert b".py" not in data and b"site-packages" not in data


@pytest.mark.parametrize("name", WITH_EVERY_ROW)
def test_a_program_computes_the_same_for_any_number_of_pictures(name):
    made = classifier(name, larger=3)
    found = agreement(program_runner(to_program(made, prepares=True)), made, None, prepares=True)
    assert found.drawn and found.same_top5 == found.images == 20 and found.largest_difference < 1e-5


@pytest.mark.parametrize(("write_to", "read"), [(to_onnx, onnx_runner), (to_program, program_runner)])
def test_without_preparation_it_takes_the_networks_input(write_to, read):
    made = classifier("alexnet", pad=2, bfloat16=True)
    found = agreement(read(write_to(made, prepares=False)), made, drawn_pictures(made.input, 5), prepares=False)
    assert found.same_top5 == 5


def test_a_border_is_part_of_the_preparation():
    made = classifier("cifar10_18pct", pad=3, larger=4)
    data = to_program(made, prepares=True)
    assert agreement(program_runner(data), made, drawn_pictures(made.input, 5), prepares=True).same_top5 == 5


def test_a_program_runs_without_this_package(tmp_path):
    made = classifier("alexnet")
    (tmp_path / "net.pt2").write_bytes(to_program(made, prepares=True))
    pictures = drawn_pictures(made.input, 3)
    np.save(tmp_path / "pictures.npy", pictures)
    script = (
        "import sys, numpy, torch; sys.modules['alexnet'] = None\n"
        f"net = torch.export.load({str(tmp_path / 'net.pt2')!r}).module()\n"
        f"x = torch.from_numpy(numpy.load({str(tmp_path / 'pictures.npy')!r}))\n"
        f"numpy.save({str(tmp_path / 'found.npy')!r}, net(x)[1].detach().numpy())\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=300)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), made.probabilities(pictures), atol=1e-5)


def test_torchvisions_net_goes_to_torchvision(tmp_path):
    made = classifier("alexnet_owt")
    done = write.export(Predictor(made, {}, tmp_path), FORMATS["torchvision"], tmp_path / "net.pth")
    state = torch.load(tmp_path / "net.pth", weights_only=True)
    assert done.agreement is None and len(state) == 16
    assert torch.equal(state["features.0.weight"], made.net.conv1.weight)
    assert torch.equal(state["classifier.6.bias"], made.net.fc8.bias)


def test_a_file_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    made = classifier("alexnet")
    predictor = Predictor(made, {}, tmp_path)
    monkeypatch.setitem(write._COMPUTING, "pt2", (to_program, lambda _: lambda x: np.full((len(x), 7), 1 / 7)))
    with pytest.raises(AlexNetError, match="differ from the run's by up to"):
        write.export(predictor, FORMATS["pt2"], tmp_path / "net.pt2", images=drawn_pictures(made.input, 3))
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_not_finite_do_not_pass_as_equal():
    made = classifier("alexnet")
    with pytest.raises(AlexNetError, match="by up to nan"):
        agreement(lambda x: np.full((len(x), 7), np.nan), made, None, prepares=True)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"ONNX files need onnx and onnxscript; run: pip install"):
        to_onnx(classifier("alexnet"), prepares=True)


@pytest.mark.parametrize(
    ("name", "out", "expected"),
    [(None, "a.onnx", "onnx"), (None, "a.pt2", "pt2"), (None, "a", "safetensors"), (None, "a.pth", "torchvision"),
     ("onnx", "a.bin", "onnx"), (None, "a.bin", None), ("onyx", "a", None)],
)  # fmt: skip
def test_a_format_is_known_by_name_or_ending(name, out, expected, tmp_path):
    if expected is None:
        with pytest.raises(UsageError):
            format_of(name, tmp_path / out)
    else:
        assert format_of(name, tmp_path / out).name == expected


def test_the_exporters_own_log_stays_as_it_was():
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    to_onnx(classifier("lenet1"), prepares=True)
    assert logger.level == level
    assert onnx_file.OPSET == 20 and torch.onnx is not None
