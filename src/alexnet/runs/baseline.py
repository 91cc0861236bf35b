"""Fits a baseline, from pictures to a checkpoint; stopped at any time, it goes on with the stage it was in."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet.classic.config import LocalConfig, SparseCodingConfig
from alexnet.classic.features import Features
from alexnet.classic.local_features import LocalFeatures
from alexnet.classic.sparse_coding import SparseCoding
from alexnet.classic.squared_hinge_svm import SquaredHingeSvm, SquaredHingeSvmConfig
from alexnet.config.load import to_table
from alexnet.core.errors import CheckpointError, DataError
from alexnet.core.files import commit_bytes, human_bytes, reserve
from alexnet.core.keys import Key
from alexnet.core.lock import FolderLock
from alexnet.core.terminal import Progress
from alexnet.data.pack.read import Pack, PackSplit
from alexnet.evaluation.baseline import best_sharpness, softmax
from alexnet.evaluation.input import InputSpec
from alexnet.runs import environment
from alexnet.runs.baseline_recipe import BaselineRecipe, SvmConfig, load_baseline
from alexnet.runs.folder import RunFolder
from alexnet.runs.portions import portion
from alexnet.runs.train import FORMAT, RunResult

_BATCH = 256
_IMAGES_BYTES = 1 << 30
"""Of pictures that features are learned from, at most."""
_STAGES = "stages"


def start(recipe: BaselineRecipe, pack: Pack, output_dir: Path) -> RunResult:
    """Fit a new baseline into `output_dir`.

    Raises:
        AlexNetError: one of its kinds.
    """
    folder = RunFolder(output_dir)
    with folder.begun():
        record = {
            "format": FORMAT,
            "kind": "baseline",
            "recipe_sha256": recipe.digest(),
            "data": str(pack.path.resolve()),
            "pack_digest": pack.digest,
            "environment": environment.describe(torch.device("cpu")),
            "status": "started",
        }
        folder.create(recipe.to_toml(), record)
        return _fit_shown(recipe, pack, folder)


def resume(path: Path, open_pack: Callable[[Path], Pack]) -> RunResult:
    """Go on with a baseline that was stopped; finished stages are not done again.

    Raises:
        CheckpointError: no run, or another pack.
    """
    folder = RunFolder(path)
    with FolderLock(folder.path):
        record = folder.read_record()
        pack = open_pack(Path(record["data"]))
        if pack.digest != record["pack_digest"]:
            raise CheckpointError("the pack is not the one this run began with", where=pack.path)
        folder.clean()
        return _fit_shown(load_baseline(folder.recipe), pack, folder)


def make_features(
    config: LocalConfig | SparseCodingConfig, arrays: dict[str, np.ndarray] | None = None
) -> Features:
    """Return features of a configuration, with what they learned, if given."""
    kind = LocalFeatures if isinstance(config, LocalConfig) else SparseCoding
    return kind(config) if arrays is None else kind.from_arrays(config, arrays)  # type: ignore[arg-type]


def estimate(recipe: BaselineRecipe, images: int) -> str:
    """Return what a baseline will need, in one line."""
    widths = [config.features for config in recipe.features]
    needed = 2 * images * max(widths)
    return f"{recipe.name}: {images:,} pictures, {sum(widths):,} numbers each, {human_bytes(needed)} of disk for codes"


def _fit_shown(recipe: BaselineRecipe, pack: Pack, folder: RunFolder) -> RunResult:
    with Progress(recipe.name, total=len(recipe.features), unit="channels") as bar:
        return _fit(recipe, pack, folder, bar)


def _fit(recipe: BaselineRecipe, pack: Pack, folder: RunFolder, bar: Progress) -> RunResult:
    begin = time.perf_counter()
    stages = folder.path / _STAGES
    stages.mkdir(exist_ok=True)
    train = pack.split("train")
    parts = portion(train.labels, 0, recipe.data, Key.from_seed(recipe.seed))
    if not len(parts.holdout) or not len(parts.train):
        raise DataError("there are no pictures to train on, or none held out", where=pack.path)
    bar.say(estimate(recipe, len(parts.train) + len(parts.holdout)))
    scores = np.zeros((len(parts.holdout), len(pack.classes)), np.float32)
    model: dict[str, np.ndarray] = {}
    for number, config in enumerate(recipe.features):
        channel = _Channel(recipe, number, config, train, stages, bar.say)
        features = channel.features(parts.train)
        known, held_out = (
            channel.codes(features, "train", parts.train),
            channel.codes(features, "holdout", parts.holdout),
        )
        svm = channel.svm(
            recipe.svm, (known, train.labels[parts.train]), (held_out, train.labels[parts.holdout])
        )
        scores += svm.scores(held_out) / len(recipe.features)
        model |= {f"{number}.features.{k}": v for k, v in features.arrays().items()}
        model |= {f"{number}.svm.{k}": v for k, v in svm.arrays().items()}
        bar.advance(1)
    labels = torch.from_numpy(train.labels[parts.holdout].astype(np.int64))
    sharpness = best_sharpness(torch.from_numpy(scores), labels)
    line = _validation(softmax(torch.from_numpy(scores), sharpness), labels)
    commit_bytes(folder.metrics, (json.dumps(line) + "\n").encode())
    seconds = time.perf_counter() - begin
    folder.checkpoints.save(
        1,
        model={name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in model.items()},
        velocity={},
        state={"step": 1},
        config=_config(recipe, pack, sharpness),
    )
    shutil.rmtree(stages)
    folder.update_record(status="finished", steps=1, seconds=seconds, elapsed_seconds=seconds, stalled=False)
    return RunResult(folder.path, 1, 1, seconds, [line], False)


class _Channel:
    """One channel's stages: features, codes, classifier; each is stored when it is done."""

    def __init__(
        self,
        recipe: BaselineRecipe,
        number: int,
        config: LocalConfig | SparseCodingConfig,
        images: PackSplit,
        stages: Path,
        say: Callable[[str], None],
    ):
        self.recipe, self.number, self.config, self.images, self.stages = recipe, number, config, images, stages
        self.name = f"channel {number + 1} of {len(recipe.features)}"
        self.say = lambda text: say(f"{self.name}: {text}")

    def features(self, indices: np.ndarray) -> Features:
        """Return the features, learned from some of these pictures."""
        path = self.stages / f"{self.number}-features.safetensors"
        if path.is_file():
            return make_features(self.config, _read(path))
        features = make_features(self.config)
        one = self.images.read(indices[:1]).nbytes
        most = max(min(self.recipe.images, _IMAGES_BYTES // one), 1)
        order = Key.from_seed(self.recipe.seed).derive("baseline images").permutation(self.number, len(indices))
        features.fit(self.images.read(np.sort(indices[order[:most]])), self.recipe.seed, self.say)
        _write(path, features.arrays())
        return features

    def codes(self, features: Features, split: str, indices: np.ndarray) -> np.ndarray:
        """Return float16 codes (N, D) on disk, made in pieces of which whole ones are kept by a stop."""
        path, mark = self.stages / f"{self.number}-{split}.npy", self.stages / f"{self.number}-{split}.done"
        shape = (len(indices), self.config.features)
        if not mark.is_file():
            reserve(self.stages, 2 * shape[0] * shape[1])
            np.lib.format.open_memmap(path, "w+", np.float16, shape).flush()
            commit_bytes(mark, b"0")
        codes = np.lib.format.open_memmap(path, "r+")
        begun = int(mark.read_text())
        with Progress(f"{self.name}, {split}", total=len(indices), unit="images", done=begun) as bar:
            for begin in range(begun, len(indices), _BATCH):
                piece = indices[begin : begin + _BATCH]
                codes[begin : begin + len(piece)] = features.encode(self.images.read(piece))
                bar.advance(len(piece))
                if (begin // _BATCH) % 16 == 15:
                    codes.flush()
                    commit_bytes(mark, str(begin + len(piece)).encode())
            codes.flush()
            commit_bytes(mark, str(len(indices)).encode())
        return codes

    def svm(
        self, config: SvmConfig, train: tuple[np.ndarray, np.ndarray], held_out: tuple[np.ndarray, np.ndarray]
    ) -> SquaredHingeSvm:
        """Return the classifier whose cost has the least held-out error; of equal ones the first."""
        path = self.stages / f"{self.number}-svm.safetensors"
        if path.is_file():
            return SquaredHingeSvm.from_arrays(SquaredHingeSvmConfig(), _read(path))
        classes = int(self.images.labels.max()) + 1
        best: tuple[float, SquaredHingeSvm] | None = None
        for cost in config.costs:
            svm = SquaredHingeSvm(SquaredHingeSvmConfig(cost=cost, iterations=config.iterations))
            svm.fit(*train, classes, lambda text: None)
            error = float((svm.scores(held_out[0]).argmax(1) != held_out[1]).mean())
            self.say(f"cost {cost:g}: held-out error {100 * error:.2f} %")
            if best is None or error < best[0]:
                best = (error, svm)
        assert best is not None
        _write(path, best[1].arrays())
        return best[1]


def _config(recipe: BaselineRecipe, pack: Pack, sharpness: float) -> dict[str, Any]:
    height, _, channels = pack.shape
    preparation = pack.manifest.plan.preparation
    spec = InputSpec(
        size=height,
        crop=height,
        channels=channels,
        filter=preparation.filter,
        exif_rotate=preparation.exif_rotate,
        scale=1.0,
        mean=np.zeros((height, height, channels), np.float32),
    )
    return {
        "format": FORMAT,
        "kind": "baseline",
        "features": to_table(recipe.features),
        "sharpness": sharpness,
        "num_classes": len(pack.classes),
        "classes": list(pack.classes),
        "class_names": list(pack.class_names),
        "input": spec.to_json(),
        "views": 1,
        "recipe": recipe.name,
    }


def _validation(probabilities: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
    from alexnet.metrics.topk import ranks

    rank = ranks(probabilities, labels)
    return {
        "kind": "validation",
        "step": 1,
        "epoch": 1.0,
        "split": "holdout",
        "loss": float(-probabilities.gather(1, labels[:, None]).clamp_min(1e-30).log().mean()),
        "top1_error": float((probabilities.argmax(1) != labels).float().mean()),
        "top5_error": float((rank >= 5).float().mean()),
        "count": len(labels),
        "best": True,
    }


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import save

    commit_bytes(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def _read(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load

    return dict(load(path.read_bytes()))
