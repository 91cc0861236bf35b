"""Files of `torch.save`: tensors are read, and nothing else in them ever happens."""

import os
import pickle
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.core.errors import UsageError
from alexnet.nets.create import create_model
from alexnet.nets.interchange.state_dict import read_state_dict

LENET = create_model("lenet5_modern", seed=1)


class Attack:
    """Pickles as a call of `os.mkdir`."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def refused(path):
    with pytest.raises(UsageError) as caught:
        read_state_dict(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line and len(line) < 300
    return line


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "state_dict": state},
        lambda state: {"model": state, "args": {"lr": 0.1}},
        lambda state: {"state_dict": {f"module.{name}": t for name, t in state.items()}},
        lambda state: {name: torch.nn.Parameter(t) for name, t in state.items()},
    ],
    ids=["plain", "state_dict", "model", "module", "parameters"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_training_scripts_save_is_read(tmp_path, wrap, zipped):
    path = tmp_path / "model.pth"
    torch.save(wrap(LENET.state_dict()), path, _use_new_zipfile_serialization=zipped)
    loaded = create_model("lenet5_modern", weights=path).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in LENET.state_dict().items())


@pytest.mark.parametrize("form", ["zipped", "old", "pickle"])
def test_code_in_a_file_is_refused_and_does_not_run(tmp_path, form):
    path, canary = tmp_path / "model.pt", tmp_path / "canary"
    stored = {**LENET.state_dict(), "extra": Attack(canary)}
    if form == "pickle":
        path.write_bytes(pickle.dumps(stored["extra"]))
    else:
        torch.save(stored, path, _use_new_zipfile_serialization=form == "zipped")
    assert refused(path).endswith(
        "holds more than tensors, or is damaged; save its state_dict() alone, or as safetensors"
    )
    assert not canary.exists()


def test_a_whole_module_is_refused(tmp_path):
    torch.save(LENET, tmp_path / "model.pt")
    assert "holds more than tensors" in refused(tmp_path / "model.pt")


@pytest.mark.parametrize(
    "stored",
    [
        [torch.zeros(1)],
        {},
        {"conv1.weight": 1.0},
        {1: torch.zeros(1)},
        {"conv1.weight": torch.zeros(2, 2).to_sparse()},
        {"conv1.weight": torch.zeros(2, device="meta")},
        {"state_dict": 3},
    ],
)
def test_what_is_no_dictionary_of_dense_tensors_is_refused(tmp_path, stored):
    torch.save(stored, tmp_path / "model.pt")
    assert "is not a dictionary of named tensors" in refused(tmp_path / "model.pt")


def test_another_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("data.txt", "no tensors")
    assert "cannot be read as tensors" in refused(tmp_path / "model.pt")


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "model.pt"


@pytest.fixture(scope="module", params=[True, False], ids=["zipped", "old"])
def whole(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "model.pt"
    tensors = {"conv1.weight": torch.ones(2, 3), "conv1.bias": torch.ones(3, dtype=torch.float64)}
    torch.save(tensors, path, _use_new_zipfile_serialization=request.param)
    return path.read_bytes()


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_read_or_refused_in_one_line(whole, damaged, data):
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        if data.draw(st.booleans()):
            content[place : place + 1] = data.draw(st.binary(min_size=1, max_size=4))
        else:
            del content[place : place + data.draw(st.sampled_from([1, 8, 10**6]))]
    damaged.write_bytes(content)
    try:
        read_state_dict(damaged)
    except UsageError as error:
        assert str(error).startswith(f"{damaged}: ") and "\n" not in str(error)
