"""Everything that writes, as small as it gets: what it writes, and how one sees what is there afterwards.

`prepare` makes what is there before, `act` writes, `found` says what a reader finds: OLD, NEW, or what is wrong.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data"))
from memory_source import memory_source, random_pictures

from alexnet.checkpoint.store import CheckpointStore, read_json, read_tensors
from alexnet.core.errors import AlexNetError
from alexnet.core.files import commit_bytes, commit_folder, remove_leftovers, verify_folder
from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.read import Pack
from alexnet.data.pack.write import pack_source
from alexnet.runs.folder import RunFolder
from alexnet.training.hooks import metrics_log
from alexnet.training.hooks.metrics_log import MetricsLog, read_metrics
from alexnet.training.state import TrainState

OLD, NEW = "old", "new"
_LINE = '{"kind": "train", "step": %d}\n'
SOURCE = memory_source(random_pictures(5, (4, 4, 3)), random_pictures(1, (4, 4, 3), seed=1))
SETTINGS = PackSettings(size=None, shard_bytes=2 * 48)


@dataclass(frozen=True)
class Writer:
    """One of them."""

    prepare: Callable[[Path], None]
    act: Callable[[Path], None]
    found: Callable[[Path], str]
    finish: Callable[[Path], None] | None = None
    """What a person does after a failure; then NEW must be there, and nothing else be left."""
    goes_on: bool = False
    """Whether a failure is said and ends nothing."""


def _tensors(step: int) -> dict[str, torch.Tensor]:
    return {"w": torch.full((300,), float(step))}


def _save(folder: Path, step: int) -> None:
    tensors = _tensors(step)
    CheckpointStore(folder / "run").save(
        step, model=tensors, velocity=tensors, state={"step": step}, config={"a": 1}
    )


def _saved(folder: Path) -> str:
    store = CheckpointStore(folder / "run")
    path = store.latest()
    step = int(path.name.removeprefix("step-"))
    if not torch.equal(read_tensors(path / "model.safetensors")["w"], _tensors(step)["w"]):
        return "other weights"
    if read_json(path / "state.json")["step"] != step:
        return "another state"
    return {1: OLD, 2: NEW}[step]


def _save_again(folder: Path) -> None:
    store = CheckpointStore(folder / "run")
    store.clean()
    _save(folder, 2)


def _pack(folder: Path) -> None:
    pack_source(SOURCE, folder / "pack", SETTINGS, workers=1)


def _packed(folder: Path) -> str:
    if not (folder / "pack").exists():
        return OLD
    try:
        with Pack.open(folder / "pack") as pack:
            pack.verify()
            return NEW if np.array_equal(pack.split("train").read(range(5)), _pixels()) else "other pixels"
    except AlexNetError as error:
        return OLD if "unfinished" in str(error) or "no pack" in str(error) else str(error)


def _pixels() -> np.ndarray:
    return random_pictures(5, (4, 4, 3))


def _file(folder: Path, text: bytes) -> None:
    commit_bytes(folder / "export.onnx", text)


def _filed(folder: Path) -> str:
    data = (folder / "export.onnx").read_bytes()
    return {b"old" * 400: OLD, b"new" * 900: NEW}.get(data, f"{len(data)} bytes of something")


def _hub(folder: Path) -> None:
    with commit_folder(folder / "hub", 100) as inside:
        (inside / "config.json").write_text('{"a": 1}')
        (inside / "model.safetensors").write_bytes(b"m" * 3000)


def _hubbed(folder: Path) -> str:
    if not (folder / "hub").exists():
        return OLD
    verify_folder(folder / "hub")
    return NEW


def _record(folder: Path) -> None:
    RunFolder(folder / "run").update_record(status="finished")


def _recorded(folder: Path) -> str:
    return {"started": OLD, "finished": NEW}[RunFolder(folder / "run").read_record()["status"]]


def _record_again(folder: Path) -> None:
    RunFolder(folder / "run").clean()
    _record(folder)


def _begin_run(folder: Path) -> None:
    run = RunFolder(folder / "run")
    with run.begun():
        run.create('name = "x"\n', {"status": "started"})


def _metrics(folder: Path) -> None:
    """Go on with a log of three lines, of which a checkpoint knows two, and write two more."""
    metrics_log.tensorboard_installed = lambda: False
    state = TrainState()
    state.metrics_bytes = len(_LINE % 1) + len(_LINE % 2)
    log = MetricsLog(folder / "metrics.jsonl", state, 1, 0.1, lambda line: None)
    for step in (3, 4):
        log._write({"kind": "train", "step": step}, state)
    with contextlib.suppress(AlexNetError):
        log.close()


def _logged(folder: Path) -> str:
    steps = [line["step"] for line in read_metrics(folder / "metrics.jsonl")]
    known = {(1, 2, 9): OLD, (1, 2): OLD, (1, 2, 3): OLD, (1, 2, 4): OLD, (1, 2, 3, 4): NEW}
    return known.get(tuple(steps), f"lines {steps}")


def _careless(folder: Path) -> None:
    with open(folder / "export.onnx", "wb") as stream:
        stream.write(b"new" * 900)


def _lines(folder: Path) -> None:
    (folder / "metrics.jsonl").write_text("".join(_LINE % step for step in (1, 2, 9)))


def _clean(folder: Path) -> None:
    remove_leftovers(folder)


def _again(act: Callable[[Path], None]) -> Callable[[Path], None]:
    def finish(folder: Path) -> None:
        _clean(folder)
        act(folder)

    return finish


def _new_file(folder: Path) -> None:
    _file(folder, b"new" * 900)


def _old_file(folder: Path) -> None:
    _file(folder, b"old" * 400)


def _hub_again(folder: Path) -> None:
    _clean(folder)
    if not (folder / "hub").exists():
        _hub(folder)


def _pack_again(folder: Path) -> None:
    if _packed(folder) != NEW:
        _pack(folder)


WRITERS = {
    "checkpoint": Writer(lambda folder: _save(folder, 1), lambda folder: _save(folder, 2), _saved, _save_again),
    "pack": Writer(lambda folder: None, _pack, _packed, _pack_again),
    "exported file": Writer(_old_file, _new_file, _filed, _again(_new_file)),
    "exported folder": Writer(lambda folder: None, _hub, _hubbed, _hub_again),
    "run record": Writer(_begin_run, _record, _recorded, _record_again),
    "metrics": Writer(_lines, _metrics, _logged, goes_on=True),
}
CARELESS = {"careless file": Writer(_old_file, _careless, _filed)}
"""Without a temporary file: it must be caught."""
