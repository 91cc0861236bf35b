"""An examination of the machine and the installation."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata

import torch

from alexnet.core.allocator import keep_freed_memory
from alexnet.core.cache import cache_folder
from alexnet.core.files import human_bytes
from alexnet.kernels import library
from alexnet.runs.devices import usable_cores

_EXTRAS = {
    "report": ("matplotlib", "pictures of runs and evaluations"),
    "tensorboard": ("tensorboard", "TensorBoard files"),
    "parquet": ("pyarrow", "Hugging Face parquet sources"),
    "ilsvrc": ("scipy", "ImageNet from its own archives"),
    "export": ("onnxscript", "ONNX files"),
    "serve": ("starlette", "the page of `alexnet serve`"),
    "baselines": ("sklearn", "Fisher vectors and sparse coding"),
    "hub": ("huggingface_hub", "model hubs"),
    "index": ("faiss", "search among very many pictures"),
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    value: str
    remedy: str | None = None
    """What to do, where something is missing."""


def examine() -> list[Finding]:
    """Return versions, devices, kernels, extras and free disk."""
    findings = [
        Finding("alexnet", metadata.version("alexnet")),
        Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        Finding(
            "torch", f"{torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {usable_cores()} cores"
        ),
        _gpu(),
        _kernels(),
        _bfloat16(),
        Finding(
            "freed memory", "kept" if keep_freed_memory() else "given back (only glibc can be asked to keep it)"
        ),
    ]
    findings += [
        Finding(name, metadata.version(name)) for name in ("numpy", "pillow", "simplejpeg", "safetensors")
    ]
    for extra, (module, purpose) in _EXTRAS.items():
        installed = importlib.util.find_spec(module) is not None
        remedy = None if installed else f'for {purpose}: pip install "alexnet[{extra}]"'
        findings.append(Finding(f"extra {extra}", "installed" if installed else "not installed", remedy))
    return [*findings, *trouble(), _disk()]


def trouble() -> list[Finding]:
    """Return what is installed and known to do harm beside this package."""
    found = []
    torchvision = _version("torchvision")
    if torchvision and "+cpu" in torch.__version__ and "+cpu" not in torchvision:
        what = f"{torchvision}, built for GPUs: it, and what imports it, cannot be imported beside a CPU build of torch"
        found.append(
            Finding("torchvision", what, "pip uninstall torchvision, or a CPU build of it; not needed here")
        )
    if simd := _version("pillow-simd"):
        what = f"{simd}: resizes to other bits than Pillow, so packs differ from those made elsewhere"
        found.append(
            Finding("pillow-simd", what, "pip uninstall pillow-simd; pip install --force-reinstall pillow")
        )
    both = [name for name in ("opencv-python", "opencv-python-headless") if _version(name)]
    if len(both) == 2:
        remedy = "pip uninstall opencv-python opencv-python-headless; pip install opencv-python-headless"
        found.append(Finding("OpenCV", "installed twice, over one another", remedy))
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _gpu() -> Finding:
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return Finding("GPU", ", ".join(names))
    if torch.backends.mps.is_available():
        return Finding("GPU", "Apple MPS")
    return Finding("GPU", "none; runs use the CPU")


def _kernels() -> Finding:
    if target := library.target():
        return Finding("compiled kernels", f"in use, for {target}")
    remedy = "install a C compiler (gcc or clang) and run: pip install --force-reinstall --no-deps alexnet"
    return Finding("compiled kernels", "absent; slower paths in torch are used", remedy)


def _bfloat16() -> Finding:
    features = torch.cpu.get_capabilities()
    if features.get("amx_bf16"):
        return Finding("bfloat16", "multiplied by AMX")
    if features.get("avx512_bf16") or features.get("bf16"):
        return Finding("bfloat16", "multiplied by the processor")
    return Finding("bfloat16", "converted by programs", "compare --set train.precision=float32 on the CPU")


def _disk() -> Finding:
    folder = cache_folder()
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    return Finding("cache", f"{folder}, {human_bytes(free)} free")
