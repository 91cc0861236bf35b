"""The Python lines of the README do what they say."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_python_lines_of_the_readme_run(pictures, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "PICTURES").symlink_to(pictures)
    (tmp_path / "cat.jpg").symlink_to(pictures / "class3" / "0.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("epochs=10", "epochs=1"), "README.md", "exec"), {})
    assert (tmp_path / "runs" / "alexnet-1" / "learning-curves.png").is_file()
    assert "class" in capsys.readouterr().out


def test_every_verb_of_the_readme_exists():
    from alexnet.cli.main import VERBS

    shown = set(re.findall(r"^alexnet (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert {"train", "evaluate", "predict", "download"} <= shown <= set(VERBS)


def test_every_recipe_of_the_readme_exists():
    from alexnet.runs.recipe import recipe_names

    named = set(re.findall(r"alexnet train ([\w-]+) --data", README.read_text(encoding="utf-8")))
    assert named
    assert named <= set(recipe_names())
