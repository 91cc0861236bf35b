"""What reads data, packs, weights and settings: each reader with its seeds, its mutator, and what its body is."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import container_seeds as seeds
import mutate_containers as change
import safetensors
import torch
from fuzz_engine import Target
from mutate_bytes import bundle, in_bundle, unbundle
from mutate_text import json_text, list_text, toml_text

from alexnet.checkpoint.store import STATE, read_json
from alexnet.config import load as config_load
from alexnet.core.files import MANIFEST
from alexnet.data import strict_json
from alexnet.data.pack import format as pack_format
from alexnet.data.pack import manifest as pack_manifest
from alexnet.data.pack import shard as pack_shard
from alexnet.data.pack.read import Pack
from alexnet.data.sources import csv_list, idx, pickled, shards, tar
from alexnet.data.sources.cifar import RowFile
from alexnet.data.sources.detect import open_source
from alexnet.data.sources.zip import ZipTree
from alexnet.nets import weights as weights_module
from alexnet.nets.interchange import wire
from alexnet.nets.weights import read_weights
from alexnet.runs import predictor, recipe
from alexnet.runs.compare import read_run
from alexnet.runs.predictor import load
from alexnet.runs.recipe import load_recipe
from alexnet.training.state import TrainState

_MOST_PICTURES = 40


def _write(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def _folder(work: Path, name: str) -> Path:
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _look_through(folder: Path) -> None:
    """Open what lies at a path as a source of pictures and read it as packing does."""
    work = _folder(folder.parent if folder.is_file() else folder, ".work")
    source = open_source(folder, subset=True, work_folder=work)
    for split in source.splits.values():
        for index in range(min(len(split), _MOST_PICTURES)):
            split.name(index)
            split.read(index)
    source.fingerprint()


def _source_of(name: str) -> Callable[[bytes, Path], None]:
    """Return a reader of single files of this name."""

    def read(data: bytes, work: Path) -> None:
        path = _folder(work, f"only-{name}") / name
        path.write_bytes(data)
        _look_through(path)

    return read


def _source_folder(kind: str) -> Callable[[bytes, Path], None]:
    return lambda data, work: _look_through(_write(unbundle(data), _folder(work, kind)))


def _weights_of(name: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, work: Path) -> None:
        path = _folder(work, f"weights-{name}") / name
        path.write_bytes(data)
        read_weights(path)

    return read


def _pack(data: bytes, work: Path) -> None:
    """Read a pack whose manifest says the truth of its files, whoever made them."""
    folder, files = _folder(work, "pack"), unbundle(data)
    body = json.loads(files["pack.json"])
    for split in body["splits"].values():
        for shard in split:
            raw = files.get(shard["file"], b"")
            shard |= {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    files["pack.json"] = _sealed(json.dumps(body).encode())
    _read_pack(_write(files, folder))


def _sealed(text: bytes) -> bytes:
    """Return a manifest with the digest of what it says now, where it says anything."""
    try:
        value = json.loads(text)
        body = {key: item for key, item in value.items() if key not in ("format", "digest", "origin")}
        value["digest"] = hashlib.sha256(strict_json.canonical_json(body)).hexdigest()
        return json.dumps(value).encode("utf-8", "surrogatepass")
    except (ValueError, AttributeError, RecursionError):
        return text


def _pack_manifest(data: bytes, work: Path) -> None:
    files = unbundle(data)
    files["pack.json"] = _sealed(files["pack.json"])
    _read_pack(_write(files, _folder(work, "pack-manifest")))


def _read_pack(folder: Path) -> None:
    with Pack.open(folder) as pack:
        for split in pack.splits.values():
            for index in range(min(len(split), _MOST_PICTURES)):
                split.name(index)
            split.read(range(len(split)))
        pack.verify()


def _recipe(data: bytes, work: Path) -> None:
    path = _folder(work, "recipe") / "mine.toml"
    path.write_bytes(data)
    load_recipe(path).to_toml()


def _record(data: bytes, work: Path) -> None:
    read_run(_write(unbundle(data), _folder(work, "run")))


def _checkpoint(data: bytes, work: Path) -> None:
    """Load a checkpoint whose manifest says the truth of its files, as from a hub or another person."""
    files = unbundle(data)
    folder = _folder(work, "checkpoint")
    _write(seeds.with_manifest(files), folder)
    if len(data) % 2:
        TrainState.from_json(read_json(folder / STATE))
    load(folder)


def _manifest(data: bytes, work: Path) -> None:
    load(_write(unbundle(data), _folder(work, "checkpoint-manifest")))


def _resealed_manifest(rng, data: bytes, other: bytes) -> bytes:
    files = unbundle(data)
    files[MANIFEST] = json_text(rng, files[MANIFEST], b"")
    return bundle(files)


def _source_targets() -> list[Target]:
    compressed = change.compressed
    tars = seeds.tars()
    idx_body = ((idx, "_labels"),)
    images, labels = change.idx, change.idx
    return [
        Target(
            name="tar",
            seeds=tuple(tars.values()),
            mutate=change.tar,
            read=_source_of("x.tar"),
            body=((tar, "clean_name"),),
        ),
        Target(
            name="tar.gz",
            seeds=tuple(seeds.gzip.compress(data, 1, mtime=0) for data in tars.values()),
            mutate=compressed(change.tar),
            read=_source_of("x.tar.gz"),
            body=((tar, "clean_name"),),
        ),
        Target(
            name="zip",
            seeds=tuple(seeds.zips()),
            mutate=change.zipped,
            read=_source_of("x.zip"),
            body=((ZipTree, "_add"),),
        ),
        Target(
            name="idx",
            seeds=seeds.bundles(seeds.idx_set()),
            mutate=in_bundle(
                train_images_idx3_ubyte=images, train_labels_idx1_ubyte=labels, t10k_images_idx3_ubyte=images
            ),
            read=_source_folder("idx"),
            body=idx_body,
        ),
        Target(
            name="idx.gz",
            seeds=seeds.bundles(seeds.zipped_idx()),
            mutate=in_bundle(
                train_images_idx3_ubyte_gz=compressed(images), train_labels_idx1_ubyte_gz=compressed(labels)
            ),
            read=_source_folder("idx-gz"),
            body=idx_body,
        ),
        Target(
            name="CIFAR binary",
            seeds=seeds.bundles(seeds.cifar_binary()),
            mutate=in_bundle(data_batch_1_bin=change.rows(3073), batches_meta_txt=list_text),
            read=_source_folder("cifar-binary"),
            body=((RowFile, "__init__"),),
        ),
        Target(
            name="CIFAR python",
            seeds=seeds.bundles(*seeds.cifar_python()),
            mutate=in_bundle(data_batch_1=change.pickled, batches_meta=change.pickled),
            read=_source_folder("cifar-python"),
            body=((pickled._Machine, "_items"), (pickled._Machine, "_reduce")),
        ),
        Target(
            name="parquet",
            seeds=tuple(seeds.parquets()),
            mutate=change.parquet,
            read=_source_of("x.parquet"),
            body=((shards.ShardSplit, "read"), (_columns(), "find_columns")),
        ),
        Target(
            name="CSV",
            seeds=seeds.bundles(
                {
                    "list.csv": b"path,label,split\na.png,cat,train\nb.png,dog,train\na.png,cat,val\n",
                    "a.png": b"x",
                    "b.png": b"y",
                }
            ),
            mutate=in_bundle(list_csv=list_text),
            read=lambda data, work: _look_through(_write(unbundle(data), _folder(work, "csv")) / "list.csv"),
            body=((csv_list, "_picture_size"),),
        ),
    ]


def _columns():
    from alexnet.data.sources import parquet

    return parquet


def _kept_targets() -> list[Target]:
    """Return what reads the project's own files and foreign weights."""
    checkpoint = seeds.checkpoint()
    runs = {
        "recipe.toml": recipe.load_recipe("mnist-lenet1").to_toml().encode(),
        "run.json": json.dumps(
            {"data": "x", "environment": {"torch": "2", "commit": None}, "steps": 3, "classes": ["a"]}
        ).encode(),
        "metrics.jsonl": b'{"kind": "train", "step": 1, "loss": 2.5}\n{"kind": "validation", "split": "val", "step": 1, "top1_error": 0.5, "count": 4}\n',
    }
    names = ("cifar10-18pct", "alexnet-ilsvrc2012", "mnist-lenet1")
    return [
        Target(
            name="pack",
            seeds=seeds.bundles(*seeds.packs()),
            mutate=in_bundle(train_00000_shard=change.shard, val_00000_shard=change.shard),
            read=_pack,
            body=((pack_shard, "parse_index"), (pack_format, "parse_index")),
        ),
        Target(
            name="pack.json",
            seeds=seeds.bundles(*seeds.packs()),
            mutate=in_bundle(pack_json=json_text),
            read=_pack_manifest,
            body=((pack_manifest, "from_plain"),),
        ),
        Target(
            name="safetensors",
            seeds=tuple(seeds.weights_files()),
            mutate=change.safetensors,
            read=_safetensors(_weights_of("x.safetensors")),
            body=(
                (weights_module.Blueprint, "from_json"),
                (weights_module, "is_torchvision"),
                (_Header, "reached"),
            ),
        ),
        Target(
            name="caffemodel",
            seeds=tuple(seeds.caffemodels()),
            mutate=change.wire,
            read=_weights_of("x.caffemodel"),
            body=((wire.Field, "numbers"), (wire.WireReader, "whole_numbers")),
        ),
        Target(
            name="state_dict",
            seeds=tuple(seeds.torch_files()),
            mutate=change.zipped,
            read=_weights_of("x.pt"),
            body=((torch._weights_only_unpickler.Unpickler, "load"),),
        ),
        Target(
            name="recipe",
            seeds=(*(recipe.recipe_text(name).encode() for name in names), runs["recipe.toml"]),
            mutate=toml_text,
            read=_recipe,
            body=((recipe, "build"), (config_load, "build")),
        ),
        Target(
            name="run.json",
            seeds=seeds.bundles(runs),
            mutate=in_bundle(run_json=json_text, metrics_jsonl=_each_line, recipe_toml=toml_text),
            read=_record,
            body=((_compare(), "read_metrics"),),
        ),
        Target(
            name="config.json",
            seeds=seeds.bundles(checkpoint),
            mutate=in_bundle(config_json=json_text, state_json=json_text),
            read=_checkpoint,
            body=((predictor, "read_stored"), (predictor, "_baseline")),
        ),
        Target(
            name="MANIFEST.json",
            seeds=seeds.bundles(seeds.with_manifest(checkpoint)),
            mutate=_resealed_manifest,
            read=_manifest,
            body=((_files(), "sha256"),),
        ),
    ]


class _Header:
    """Where a safetensors header that the library could read as JSON is counted as reached."""

    @staticmethod
    def reached() -> None:
        """Do nothing; called to be counted."""


_BEFORE_THE_HEADER = (
    "HeaderTooSmall",
    "HeaderTooLarge",
    "InvalidHeaderLength",
    "InvalidHeader(",
    "header too",
    "header length",
)


def _safetensors(read: Callable[[bytes, Path], None]) -> Callable[[bytes, Path], None]:
    """Return the reader, with headers counted that are refused for what they say and not for their length."""

    def counted(data: bytes, work: Path) -> None:
        try:
            read(data, work)
        except Exception as error:
            if not any(word in str(error) for word in _BEFORE_THE_HEADER):
                _Header.reached()
            raise

    return counted


def _each_line(rng, data: bytes, other: bytes) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at] = json_text(rng, lines[at], b"")
    return b"\n".join(lines)


def _compare():
    from alexnet.runs import compare

    return compare


def _files():
    from alexnet.core import files

    return files


def container_targets() -> list[Target]:
    """Return all targets that are no pictures."""
    assert safetensors.__version__
    return [*_source_targets(), *_kept_targets()]


CONTAINER_SHARES = {
    "tar": 13, "tar.gz": 5, "zip": 10, "idx": 9, "idx.gz": 3, "CIFAR binary": 6, "CIFAR python": 9, "parquet": 5, "CSV": 5,
    "pack": 10, "pack.json": 5, "safetensors": 8, "caffemodel": 6, "state_dict": 1, "recipe": 3, "run.json": 1,
    "config.json": 0.5, "MANIFEST.json": 0.5,
}  # fmt: skip
"""Parts of all mutants, in per cent: many where reading is quick or the input comes from afar."""


def clear(work: Path) -> None:
    """Remove what readers were given."""
    shutil.rmtree(work, ignore_errors=True)
