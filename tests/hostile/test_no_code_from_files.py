"""No entry point runs what a file says: evil files through every reader, under an audit hook that sees it."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file
from small_runs import SMALL, draw_pictures

HOOK = """
import os, sys
from pathlib import Path

armed, seen = False, []
WATCHED = {"pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "code.__new__"}

def hook(event, arguments):
    if armed and event in WATCHED:
        seen.append(f"{event} {arguments[:2]}")
    if armed and event == "exec" and getattr(arguments[0], "co_filename", "").startswith(("<string>", "<evil")):
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller not in ("dataclasses", "collections", "typing", "importlib._bootstrap"):
            seen.append(f"exec in {caller}")

sys.addaudithook(hook)
"""
READS = {
    "CIFAR pickles": "run(['pack', 'cifar', 'out'])",
    "weights .pt": "create_model('alexnet', weights='evil.pt')",
    "weights .pth, zipped": "create_model('alexnet_owt', weights='zipped.pth')",
    "weights .safetensors": "create_model('alexnet', weights='evil.safetensors')",
    "weights .caffemodel": "create_model('caffenet', weights='evil.caffemodel')",
    "a checkpoint": "run(['predict', 'checkpoint', 'picture.png'])",
    "a run to go on with": "run(['train', '--resume', 'run'])",
    "a recipe": "run(['train', 'evil.toml', '--data', 'pictures', '--dry-run'])",
    "a pack": "run(['show', 'evil.pack'])",
    "parquet": "run(['pack', 'evil.parquet', 'out'])",
    "an archive": "run(['pack', 'evil.zip', 'out'])",
    "a CSV": "run(['pack', 'evil.csv', 'out'])",
    "idx": "run(['pack', 'idx', 'out'])",
    "a picture": "run(['predict', 'good', 'evil.jpg'])",
    "features": "run(['neighbors', 'good', 'picture.png', '--among', 'evil.npy'])",
    "results": "run(['report', '--results', 'results'])",
}


class Evil:
    """Touches a file when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch HARMED",)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    evil = pickle.dumps({"data": Evil(), "labels": [0], b"data": Evil(), "state_dict": Evil()}, 2)
    draw_pictures(folder / "pictures", ("one", "two"), count=4)
    (folder / "picture.png").write_bytes((folder / "pictures" / "one" / "0.png").read_bytes())
    for name in (
        "evil.pt",
        "evil.caffemodel",
        "evil.pack",
        "evil.parquet",
        "evil.csv",
        "evil.jpg",
        "evil.toml",
    ):
        (folder / name).write_bytes(evil)
    for name in (
        "cifar/data_batch_1",
        "cifar/batches.meta",
        "idx/train-images-idx3-ubyte",
        "idx/train-labels-idx1-ubyte",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(evil)
    with zipfile.ZipFile(folder / "zipped.pth", "w") as archive:
        archive.writestr("archive/data.pkl", evil)
        archive.writestr("archive/version", "3")
    with zipfile.ZipFile(folder / "evil.zip", "w") as archive:
        archive.writestr("one/0.png", evil)
        archive.writestr("../HARMED", b"")
    stream = io.BytesIO()
    np.save(stream, np.array([Evil()], dtype=object), allow_pickle=True)
    (folder / "evil.npy").write_bytes(stream.getvalue())
    save_file({"a": np.zeros(2, np.float32)}, folder / "evil.safetensors", {"alexnet": evil.decode("latin-1")})
    for name in ("checkpoint", "run/checkpoints/step-000000001", "results/demo/evil"):
        (folder / name).mkdir(parents=True)
        for file in (
            "config.json",
            "model.safetensors",
            "state.json",
            "MANIFEST.json",
            "result.json",
            "recipe.toml",
        ):
            (folder / name / file).write_bytes(evil)
    (folder / "run" / "run.json").write_bytes(evil)
    train = ["train", "cifar10-18pct", "--data", "pictures", "--output-dir", "good", "--smoke", *SMALL]
    assert start(folder, {"train": f"run({train!r})"})["train"][0] == 0
    return folder


def start(folder, statements):
    """Evaluate statements one after the other in one process; return what each ended with, and what the hook saw."""
    program = (
        f"{HOOK}\nimport json, traceback\nimport alexnet, torch, pyarrow.parquet, PIL.Image, alexnet.runs.train\n"
        "from alexnet import create_model\nfrom alexnet.cli.main import run\nfrom alexnet.core.errors import AlexNetError\n"
        f"for name, statement in json.loads({json.dumps(json.dumps(statements))}).items():\n"
        "    seen.clear()\n    asked = compile(statement, '<asked>', 'eval')\n    armed, end = True, None\n"
        "    try:\n        end = eval(asked)\n"
        "    except AlexNetError as error:\n        end = error.exit_code\n"
        "    except BaseException as error:\n        end = repr(error)\n"
        "    armed = False\n"
        "    harmed = [str(path) for path in Path('.').rglob('HARMED')]\n"
        "    print('TOLD', json.dumps([name, end if isinstance(end, int | str) else None, list(seen), harmed]), flush=True)\n"
        "    [Path(path).unlink() for path in harmed]\n"
    )
    environment = os.environ | {"ALEXNET_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    assert len(lines) == len(statements), done.stderr
    return {name: told for name, *told in lines}


@pytest.fixture(scope="module")
def told(desk):
    return start(desk, READS)


@pytest.mark.parametrize("what", READS)
def test_an_evil_file_is_refused_and_nothing_of_it_is_run(what, told):
    end, seen, harmed = told[what]
    assert (seen, harmed) == ([], [])
    assert end in (1, 2, 3), "it was taken for something good, or ended in a way of its own"


def test_a_reader_that_unpickles_would_be_seen(desk):
    unsafe = [
        "__import__('pickle').load(open('evil.pt', 'rb')) and None",
        "torch.load('zipped.pth', weights_only=False) and None",
        "__import__('numpy').load('evil.npy', allow_pickle=True) is None",
    ]
    for end, seen, harmed in start(desk, {statement: statement for statement in unsafe}).values():
        assert harmed and any("os.system" in one for one in seen), end
