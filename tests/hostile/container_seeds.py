"""Small whole files of every container that is read: the beginnings of mutants."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pickle
import struct
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from mutate_bytes import bundle

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alexnet.checkpoint.store import CONFIG, MODEL, STATE, VELOCITY
from alexnet.core.files import MANIFEST
from alexnet.data.pack.manifest import MANIFEST as PACK_MANIFEST
from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.write import pack_source
from alexnet.data.sources.detect import open_source
from alexnet.evaluation.input import InputSpec
from alexnet.nets.create import create_model
from alexnet.nets.weights import save_weights
from alexnet.training.state import TrainState
from data.sources.source_files import class_files, tar_bytes
from nets.interchange.caffe_files import FORMS, caffemodel

SIDE = 6
_FILES = class_files("a", "b", count=2) | {"train/a/0.jpg": b"x", "train/b/0.jpg": b"y", "val/a/1.jpg": b"z"}
_PLAIN = class_files("a", "b", count=2)


def tars() -> dict[str, bytes]:
    """Return tars in the three formats, one with a folder and a link."""
    return {
        name: tar_bytes(
            {f"{'deep/' * 30 if format else ''}{key}": data for key, data in _PLAIN.items()}, format=format
        )
        for name, format in (("ustar", 0), ("gnu", 1), ("pax", 2))
    }


def zips() -> list[bytes]:
    """Return zips, stored and deflated."""
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for name, data in _FILES.items():
                archive.writestr(name, data * 9)
        made.append(stream.getvalue())
    return made


def idx_set() -> dict[str, bytes]:
    """Return the four files of a set of six pictures of 3 x 4, and four."""
    files = {}
    for part, count in (("train", 6), ("t10k", 4)):
        pixels, labels = bytes(range(count * 12)), bytes(n % 2 for n in range(count))
        files[f"{part}-images-idx3-ubyte"] = struct.pack(">4B3I", 0, 0, 8, 3, count, 3, 4) + pixels
        files[f"{part}-labels-idx1-ubyte"] = struct.pack(">4BI", 0, 0, 8, 1, count) + labels
    return files


def zipped_idx() -> dict[str, bytes]:
    """Return the same set, gzipped."""
    return {f"{name}.gz": gzip.compress(data, 1, mtime=0) for name, data in idx_set().items()}


def cifar_binary() -> dict[str, bytes]:
    """Return CIFAR-10's binary files with two pictures each."""
    row = bytes(range(256)) * 12
    return {name: b"\1" + row + b"\7" + row for name in ("data_batch_1.bin", "test_batch.bin")} | {
        "batches.meta.txt": b"".join(b"class%d\n" % n for n in range(10))
    }


def cifar_python() -> list[dict[str, bytes]]:
    """Return CIFAR-10's python files with one picture each, as protocols 2 and 4 write them."""
    pixels = np.arange(3072, dtype=np.uint32).astype(np.uint8).reshape(1, 3072)
    batch = {"data": pixels, "labels": [3], "batch_label": "one", "filenames": ["a.png"]}
    meta = {"label_names": [f"class{n}" for n in range(10)], "num_vis": 3072}
    return [
        {
            "data_batch_1": pickle.dumps(batch, protocol),
            "test_batch": pickle.dumps(batch, protocol),
            "batches.meta": pickle.dumps(meta, protocol),
        }
        for protocol in (2, 4)
    ]


def parquets() -> list[bytes]:
    """Return shards with other encodings and compressions."""
    import pyarrow as pa
    from pyarrow import parquet

    picture = bytes.fromhex("89504e470d0a1a0a") + b"picture"
    pictures = pa.array(
        [{"bytes": picture + bytes((n,)), "path": None} for n in range(6)],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    features = {"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}
    schema = pa.schema(
        [("image", pictures.type), ("label", pa.int64())],
        metadata={b"huggingface": json.dumps(features).encode()},
    )
    table = pa.table([pictures, pa.array([0, 1] * 3, pa.int64())], schema=schema)
    made = []
    for options in (
        {},
        {"compression": "gzip", "row_group_size": 3},
        {"use_dictionary": False, "data_page_version": "2.0"},
    ):
        stream = io.BytesIO()
        parquet.write_table(table, stream, write_page_checksum=bool(options), **options)
        made.append(stream.getvalue())
    return made


def packs() -> list[dict[str, bytes]]:
    """Return the files of a raw and of a JPEG pack of eight pictures."""
    made = []
    for encoding in ("raw", "jpeg"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, data in idx_set().items():
                (folder / file).write_bytes(data)
            settings = PackSettings(size=None, encoding=encoding)
            pack_source(open_source(folder), folder / "pack", settings, workers=1)
            files = {path.name: path.read_bytes() for path in (folder / "pack").iterdir() if path.is_file()}
            made.append({name: data for name, data in files.items() if not name.startswith(".")})
    assert all(PACK_MANIFEST in files for files in made)
    return made


def weights_files() -> list[bytes]:
    """Return safetensors files: of this package, of torchvision's names, and a plain one."""
    from safetensors.torch import save

    torch.set_num_threads(1)
    numbers = {"features.0.weight": torch.zeros(4, 3, 2, 2), "classifier.6.bias": torch.ones(5)}
    plain = {
        "conv1.weight": torch.arange(12.0).reshape(2, 6),
        "n": torch.tensor(3),
        "half": torch.ones(3, dtype=torch.bfloat16),
    }
    with tempfile.TemporaryDirectory() as name:
        own = Path(name) / "own.safetensors"
        save_weights(small_network(), own)
        return [own.read_bytes(), save(numbers), save(plain)]


def small_network():
    """Return the smallest network of the catalog."""
    return create_model("lenet1", seed=0)


def caffemodels() -> list[bytes]:
    """Return small files in Caffe's forms."""
    rng = np.random.default_rng(0)
    blobs = {"conv1": [rng.random((2, 3, 2, 2)), np.ones(2)], "fc8": [rng.random((3, 4)), np.zeros(3)]}
    kinds = (("conv1", "Convolution"), ("norm1", "LRN"), ("pool1", "Pooling"), ("fc8", "InnerProduct"))
    named = [(name, kind, blobs.get(name, ())) for name, kind in kinds]
    return [caffemodel(named, form) for form in FORMS.values()]


def torch_files() -> list[bytes]:
    """Return files of torch.save, in both of its formats."""
    made = []
    for modern in (True, False):
        stream = io.BytesIO()
        tensors = {"conv1.weight": torch.zeros(2, 3), "fc8.bias": torch.ones(4)}
        torch.save({"state_dict": tensors, "epoch": 3}, stream, _use_new_zipfile_serialization=modern)
        made.append(stream.getvalue())
    return made


def checkpoint() -> dict[str, bytes]:
    """Return the files of a checkpoint of the smallest network, without its manifest."""
    from safetensors.torch import save

    net = small_network()
    channels, side, _ = net.input_shape
    spec = InputSpec(
        size=side, crop=side, channels=channels, filter="bilinear", exif_rotate=False, scale=1.0,
        mean=np.zeros((side, side, channels), np.float32),
    )  # fmt: skip
    names = [f"class{n}" for n in range(net.num_classes)]
    config = {
        "architecture": "lenet1", "num_classes": net.num_classes, "edits": [], "classes": names, "class_names": names,
        "input": spec.to_json(), "precision": "float32", "recipe": "mnist-lenet1",
    }  # fmt: skip
    state = TrainState(step=3, epoch=1, errors=[0.5], best_error=0.5, best_step=3).to_json()
    return {
        CONFIG: json.dumps(config).encode(),
        STATE: json.dumps(state).encode(),
        MODEL: save(net.state_dict()),
        VELOCITY: save({}),
    }


def with_manifest(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return a folder's files with a manifest that says the truth of them."""
    listed = {n: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for n, data in files.items()}
    return files | {MANIFEST: json.dumps({"files": listed}).encode()}


def bundles(*sets: dict[str, bytes]) -> tuple[bytes, ...]:
    """Return sets of files as inputs."""
    return tuple(map(bundle, sets))
