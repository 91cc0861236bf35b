"""`alexnet look`: a page of a run, and of a run whose data is gone."""

import json
import re

from PIL import Image


def test_a_page_with_everything_that_a_run_has_to_show(cli, trained):
    ending = cli("look", trained, "--json")
    assert ending.code == 0, ending.err
    told = json.loads(ending.out)
    assert told["pictures"] == [
        "learning-curves.png",
        "kernels.png",
        "mistakes.png",
        "layers-1.png",
        "saliency-1.png",
        "layers-2.png",
        "saliency-2.png",
        "inhibition.png",
    ]
    assert "% of " in told["top-1 error"]
    page = (trained / "look" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 8 and "class3" in page and "Not shown" not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page) and "<script" not in page
    for name in told["pictures"]:
        with Image.open(trained / "look" / name) as picture:
            picture.load()


def test_pictures_of_ones_own_where_the_data_is_gone(cli, trained, pictures, tmp_path):
    record = json.loads((trained / "run.json").read_text())
    (trained / "run.json").write_text(json.dumps(record | {"data": str(tmp_path / "gone")}))
    hostile = tmp_path / "<img src=x>.png"
    hostile.write_bytes((pictures / "class1" / "1.png").read_bytes())
    ending = cli("look", trained, hostile, "-o", tmp_path / "out")
    assert ending.code == 0, ending.err
    page = (tmp_path / "out" / "index.html").read_text()
    assert "&lt;img src=x&gt;.png" in page and "<img src=x" not in page
    assert "Not shown: mistakes and classes" in page and not (tmp_path / "out" / "layers-2.png").exists()
    ending = cli("look", trained)
    assert ending.code == 3 and "gone" in ending.err and ending.err.count("\n") <= 2
    ending = cli("look", trained, tmp_path / "absent.png")
    assert ending.code == 3 and "absent.png" in ending.err


def test_an_evaluation_says_what_stands_out(cli, trained, pictures, tmp_path):
    again = tmp_path / "twice"
    for split in ("train", "val"):
        for folder in pictures.iterdir():
            (again / split / folder.name).mkdir(parents=True)
            for path in sorted(folder.iterdir())[:3]:
                (again / split / folder.name / path.name).write_bytes(path.read_bytes())
    ending = cli("evaluate", trained, "--data", again)
    assert ending.code == 0, ending.err
    assert "30 of these pictures are in the training split too, pixel by pixel" in ending.out
    told = json.loads(cli("evaluate", trained, "--data", again, "--json").out)
    assert told["advice"][-1].startswith("30 of these pictures")
