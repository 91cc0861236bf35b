"""Names of benchmarks and of those who take part."""

import importlib.util

import pytest

from alexnet.bench.entries import contestants, list_entries, select
from alexnet.core.errors import UsageError


def names(*patterns: str, device: str = "cpu") -> list[str]:
    return [entry.name for entry in select(patterns, device)]


def test_a_name_a_prefix_and_a_pattern_mean_benchmarks():
    assert names("train/alexnet/bf16/128") == ["train/alexnet/bf16/128"]
    assert names("train/alexnet") == ["train/alexnet/bf16/128", "train/alexnet/fp32/128"]
    assert names("train/alexnet/") == names("train/alexnet")
    assert set(names("*/bf16/*", "infer")) == {n for n in names("*") if "/bf16/" in n or n.startswith("infer")}
    views = ["view/alexnet/128", "view/alexnet/bf16/128"]
    assert names("view", "pack/photographs", "view") == [*views, "pack/photographs"]
    assert names("pack") == ["pack/photographs", "pack/photographs/all-cores"]


def test_large_batches_are_for_gpus():
    assert "train/alexnet/bf16/1024" in names("train", device="cuda")
    assert not any(name.endswith("/1024") for name in names("*"))
    with pytest.raises(UsageError, match="needs a CUDA device"):
        select(["train/alexnet/bf16/1024"], "cpu")


def test_an_unknown_benchmark_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"no benchmark 'train/alexnet/bf16/12'.*train/alexnet/bf16/128"):
        select(["train/alexnet/bf16/12"], "cpu")


def test_peers_are_chosen_by_name_and_ours_is_always_there():
    entries = select(["train/alexnet/bf16/128", "infer/alexnet/bf16/1"], "cpu")
    chosen = contestants(entries, "openvino,torch_eager")
    assert [c.name for c in chosen["train/alexnet/bf16/128"]] == ["ours", "torch_eager"]
    assert [c.name for c in chosen["infer/alexnet/bf16/1"]] == ["ours", "torch_eager", "openvino"]
    assert all(len(c) == 1 for c in contestants(entries, "none").values())
    assert {e.name: e.contestants for e in entries} == contestants(entries, None)
    with pytest.raises(UsageError, match=r"no peer 'openvin' in these benchmarks.*openvino"):
        contestants(entries, "openvin")


@pytest.mark.parametrize(
    ("name", "peers"),
    [
        ("infer/alexnet/fp32/64", {"onnxruntime", "openvino", "torch_compiled"}),
        ("infer/alexnet/fp32/1", {"onnxruntime", "openvino", "torch_compiled"}),
        ("train/alexnet_owt/fp32/128", {"jax", "keras", "torch_compiled"}),
        ("train/cifar10_19pct/fp32/128", {"jax", "keras", "torch_compiled"}),
        ("pack/photographs", {"pillow", "simplejpeg", "opencv", "opencv_alone"}),
        ("pack/photographs/all-cores", {"pillow", "simplejpeg", "opencv", "opencv_alone"}),
    ],
)
def test_float32_and_packing_meet_the_same_peers(name, peers):
    (entry,) = select([name], "cpu")
    assert peers < {c.name for c in entry.contestants}
    assert not entry.task.bfloat16 and entry.all_cores == name.endswith("all-cores")


def test_stock_eager_never_stands_alone():
    for entry in list_entries():
        peers = [c.name for c in entry.contestants if c.name != "ours"]
        assert entry.contestants[0].name == "ours" and len(set(peers)) == len(peers)
        assert set(peers) != {"torch_eager"}


def test_every_contestant_has_its_function():
    for entry in list_entries():
        for contestant in entry.contestants:
            module, _, function = contestant.function.partition(":")
            source = importlib.util.find_spec(module).loader.get_source(module)
            assert f"\ndef {function}(task: Task" in source, contestant.function
