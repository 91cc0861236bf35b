"""The Python lines of the README do what they say."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def python_lines():
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_python_lines_of_the_readme_train_and_predict(pictures, tmp_path, monkeypatch, capsys):
    (tmp_path / "PICTURES").symlink_to(pictures)
    (tmp_path / "cat.jpg").symlink_to(pictures / "class3" / "0.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(python_lines()[0].replace("epochs=10", "epochs=1"), "README.md", "exec"), {})
    assert (tmp_path / "runs" / "alexnet-1" / "learning-curves.png").is_file()
    assert "class" in capsys.readouterr().out


def test_the_python_lines_of_the_readme_loop_over_a_pack(cli, pictures, tmp_path, monkeypatch):
    import torch

    import alexnet

    monkeypatch.chdir(tmp_path)
    assert cli("pack", pictures, "PACK", "--size", "256").code == 0
    names = {
        "alexnet": alexnet,
        "torch": torch,
        "net": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(10)),
    }
    exec(compile(python_lines()[1], "README.md", "exec"), names)
    assert names["inputs"].shape[1:] == (3, 224, 224) and float(names["loss"].detach()) > 0


def test_the_python_lines_of_the_readme_read_and_write_weights(tmp_path, monkeypatch):
    import torch

    import alexnet
    from alexnet.nets.interchange.torchvision import to_torchvision

    monkeypatch.chdir(tmp_path)
    torch.save(to_torchvision(alexnet.create_model("alexnet_owt", seed=0)), "alexnet-owt.pth")
    *_, code = python_lines()
    names = {"alexnet": alexnet, "images": torch.zeros(1, 3, 224, 224)}
    exec(compile(code, "README.md", "exec"), names)
    again = alexnet.create_model("alexnet_owt", weights=tmp_path / "mine.safetensors")
    assert torch.equal(again.fc8.weight, names["net"].fc8.weight) and again.num_classes == 20


def test_every_verb_of_the_readme_exists():
    from alexnet.cli.main import VERBS

    shown = set(re.findall(r"^alexnet (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert {"train", "evaluate", "predict", "download"} <= shown <= set(VERBS)


def test_every_recipe_of_the_readme_exists():
    from alexnet.runs.baseline_recipe import baseline_names
    from alexnet.runs.recipe import recipe_names

    named = set(re.findall(r"alexnet train (?!RECIPE )([\w-]+) --data", README.read_text(encoding="utf-8")))
    assert named
    assert named <= {*recipe_names(), *baseline_names()}
