"""The load's short form on a good server, and on two with faults put in."""

import sys
from pathlib import Path

import pytest
from load import Answers, growth, measure, serve, verdict
from small_runs import SMALL, draw_pictures

pytest.importorskip("uvicorn", reason="the serve extra is not installed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NO /proc: sizes of processes are read there")
FAULTY = str(Path(__file__).with_name("faulty_server.py"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from alexnet.cli.main import run

    folder = tmp_path_factory.mktemp("load")
    pictures = draw_pictures(folder / "pictures", ("one", "two"), count=8)
    arguments = [
        "train",
        "cifar10-18pct",
        "--data",
        pictures,
        "--output-dir",
        folder / "run",
        "--smoke",
        *SMALL,
    ]
    assert run([str(argument) for argument in arguments]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def pictures(test_data):
    return [path.read_bytes() for path in sorted((test_data / "imagenet-photos").glob("*.JPEG"))[:20]]


def test_at_sixty_percent_of_capacity_all_are_answered_and_nothing_grows(trained, pictures):
    found = measure(serve(trained), pictures, 12.0, probe=3.0)
    assert found["wrong"] == [] and found["answered"] > 50
    assert found["growth"]["processes"] == 0


@pytest.mark.parametrize(("fault", "says"), [("leaking", "memory grew"), ("failing", "requests ended with 5")])
def test_a_fault_put_in_is_caught(fault, says, trained, pictures):
    command = [sys.executable, FAULTY, fault, str(trained)]
    if fault == "failing":
        with pytest.raises(RuntimeError, match="failed while capacity was measured"):
            measure(command, pictures, 6.0, probe=3.0)
    else:
        wrong = measure(command, pictures, 9.0, probe=2.0)["wrong"]
        assert any(says in one for one in wrong) and any("open files grew" in one for one in wrong)


def test_the_verdict_names_what_failed_and_what_grew():
    sizes = [{"mb": 100.0, "files": 20} for _ in range(9)]
    answers = Answers(seconds=[0.1])
    assert verdict(answers, sizes) == []
    answers.note("503", 0.1)
    grown = [{"mb": 100.0 + 10 * k, "files": 20 + 5 * k} for k in range(9)]
    assert growth(grown, "mb") == 30
    assert verdict(answers, grown) == [
        "1 requests ended with 503",
        "memory grew by 30.0 MB",
        "open files grew by 15",
    ]
    assert verdict(Answers(), sizes) == ["too little was measured"]
