"""The benchmarks and who takes part in each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from alexnet.bench.contestant import Contestant
from alexnet.bench.task import Task
from alexnet.core.errors import UsageError
from alexnet.core.names import nearest

OURS = "ours"
_PEERS = "alexnet.bench.peers."
_IMAGENET = 1_281_167
"""Training pictures of ILSVRC 2012."""


@dataclass(frozen=True)
class Entry:
    """One benchmark."""

    name: str
    """`work/net/precision/batch`, as far as these apply."""
    task: Task
    contestants: tuple[Contestant, ...]
    """Ours first."""
    needs_cuda: bool = False
    uses_device: bool = True
    """False where all the work is the processor's, whatever --device says."""
    all_cores: bool = False
    """Whether each contestant works in one process for each core, not in one alone."""


def list_entries() -> tuple[Entry, ...]:
    """Return all benchmarks."""
    entries = []
    for net in ("alexnet", "alexnet_owt", "cifar10_19pct"):
        entries += [_train(net, precision, 128) for precision in ("bf16", "fp32")]
    entries += [_train(net, "bf16", 1024, needs_cuda=True) for net in ("alexnet", "alexnet_owt")]
    entries += [_infer(precision, batch) for precision in ("bf16", "fp32") for batch in (64, 1)]
    for batch in (1024, 128):
        entries += [_feed(batch, resident) for resident in (True, False)]
    return (*entries, _VIEW, _BF16_VIEW, _pack("pack/photographs"), _pack("pack/photographs/all-cores", True))


def select(patterns: Sequence[str], device: str) -> list[Entry]:
    """Return the benchmarks that names, prefixes (`train`) or globs (`*/bf16/*`) mean, in the catalog's order.

    Raises:
        UsageError: one means none, or names a benchmark that needs another device.
    """
    known, chosen = list_entries(), set()
    for pattern in patterns:
        found = {e.name: e for e in known if e.name == pattern} or {
            e.name: e for e in known if _means(pattern, e.name)
        }
        if not found:
            raise UsageError(
                f"there is no benchmark {pattern!r}", remedy=nearest(pattern, [e.name for e in known])
            )
        fitting = {name for name, e in found.items() if device == "cuda" or not e.needs_cuda}
        if not fitting:
            raise UsageError(
                f"{pattern} needs a CUDA device", remedy="choose another; alexnet bench lists them"
            )
        chosen |= fitting
    return [entry for entry in known if entry.name in chosen]


def contestants(
    entries: Sequence[Entry], peers: str | None, others: Collection[str] = ()
) -> dict[str, tuple[Contestant, ...]]:
    """Return who takes part in each benchmark.

    Args:
        peers: Names with commas between them, `none`, or None for all.
        others: Further names that must be peers of these benchmarks.

    Raises:
        UsageError: a name that is in none of the benchmarks.
    """
    known = {c.name for entry in entries for c in entry.contestants} - {OURS}
    wanted = known if peers is None else set() if peers == "none" else set(peers.split(","))
    for name in sorted({*wanted, *others} - known):
        raise UsageError(f"there is no peer {name!r} in these benchmarks", remedy=nearest(name, sorted(known)))
    return {e.name: tuple(c for c in e.contestants if c.name in wanted | {OURS}) for e in entries}


def _means(pattern: str, name: str) -> bool:
    return name.startswith(pattern.rstrip("/") + "/") or fnmatchcase(name, pattern)


def _ours(work: str) -> Contestant:
    packages = ("torch", "numpy") if work != "pack" else ("numpy", "pillow", "simplejpeg")
    return Contestant(name=OURS, function=f"alexnet.bench.ours:{work}", memory="own", packages=packages)


def _torch(work: str) -> tuple[Contestant, ...]:
    return tuple(
        Contestant(
            name=f"torch_{kind}",
            function=f"{_PEERS}torch_{work}:{kind}",
            memory="default" if kind == "eager" else "kept",
            packages=("torch",),
        )
        for kind in ("eager", "tuned", "compiled")
    )


def _peer(name: str, function: str, *packages: str, install: str = "") -> Contestant:
    return Contestant(name=name, function=_PEERS + function, packages=packages, install=install)


def _train(net: str, precision: str, batch: int, needs_cuda: bool = False) -> Entry:
    others = (
        _peer("jax", "jax_train:train", "jax", "jaxlib", install="pip install jax"),
        _peer(
            "keras",
            "keras_train:train",
            "keras",
            "tensorflow",
            "tensorflow-cpu",
            install="pip install keras tensorflow",
        ),
    )
    task = Task(work="train", net=net, bfloat16=precision == "bf16", batch=batch)
    name = f"train/{net}/{precision}/{batch}"
    return Entry(name, task, (_ours("train"), *_torch("train"), *others), needs_cuda)


def _feed(batch: int, resident: bool) -> Entry:
    """Our own way from stored pictures to updated weights; compare it with `train` of the same batch."""
    task = Task(work="feed", bfloat16=True, batch=batch, pictures=_IMAGENET, resident=resident)
    name = f"feed/alexnet/bf16/{batch}/{'resident' if resident else 'streamed'}"
    return Entry(name, task, (_ours("feed"),), needs_cuda=True)


def _infer(precision: str, batch: int) -> Entry:
    others = (
        _peer(
            "onnxruntime",
            "onnxruntime_infer:infer",
            "onnxruntime",
            "onnxruntime-gpu",
            "onnx",
            install="pip install onnxruntime onnx",
        ),
        _peer("openvino", "openvino_infer:infer", "openvino", "onnx", install="pip install openvino onnx"),
    )
    task = Task(work="infer", bfloat16=precision == "bf16", batch=batch)
    return Entry(f"infer/alexnet/{precision}/{batch}", task, (_ours("infer"), *_torch("infer"), *others))


def _pack(name: str, all_cores: bool = False) -> Entry:
    cv2 = ("opencv-python-headless", "opencv-python")
    others = (
        _peer("pillow", "photographs:pillow", "pillow"),
        _peer("simplejpeg", "photographs:simplejpeg", "simplejpeg", "pillow"),
        _peer("opencv", "photographs:opencv", *cv2, "simplejpeg", install=f"pip install {cv2[0]} simplejpeg"),
        _peer("opencv_alone", "photographs:opencv_alone", *cv2, install=f"pip install {cv2[0]}"),
    )
    return Entry(name, Task(work="pack"), (_ours("pack"), *others), uses_device=False, all_cores=all_cores)


_VIEW = Entry(
    "view/alexnet/128",
    Task(work="view"),
    (
        _ours("view"),
        _peer("torch_loop", "views:torch_loop", "torch"),
        _peer("numpy_loop", "views:numpy_loop", "numpy"),
    ),
    uses_device=False,
)
_BF16_VIEW = Entry(
    "view/alexnet/bf16/128",
    Task(work="view", bfloat16=True),
    (_ours("view"), _peer("torch_loop", "views:torch_loop", "torch")),
    uses_device=False,
)
