"""Contestants without packages: each does next to nothing, in its own way."""

import os
from pathlib import Path

from alexnet.bench.task import Absent, Task, Work


def counting(task: Task) -> Work:
    """Write down each turn in a file that all contestants share."""

    def run(iterations: int) -> None:
        print("a library that prints must not disturb the answers")
        _note(task)

    return Work(run, 10, f"counts, {task.work}", lambda: {"loss": 1.0, "smallest_gradient": 0.5})


def sharing(task: Task) -> Work:
    words = f"share {task.share} of {task.processes}"
    return Work(lambda iterations: None, 1 + task.share, words, lambda: {"share": task.share})


def last_one_failing(task: Task) -> Work:
    loss = float("nan") if task.share == task.processes - 1 else 1.0
    return Work(lambda iterations: None, 10, "diverges in one", lambda: {"loss": loss})


def uninstalled(task: Task) -> Work:
    import no_such_package

    return no_such_package


def elsewhere(task: Task) -> Work:
    raise Absent("runs on the moon only")


def raising(task: Task) -> Work:
    def run(iterations: int) -> None:
        _note(task)
        if len(_notes(task)) > 4:
            raise RuntimeError("out of\nluck")

    return Work(run, 10, "raises")


def hanging_up(task: Task) -> Work:
    def run(iterations: int) -> None:
        os.write(2, b"so long\n\n")
        os._exit(7)

    return Work(run, 10, "ends")


def silent(task: Task) -> Work:
    return Work(lambda iterations: os.read(os.pipe()[0], 1), 10, "never answers")


def not_learning(task: Task) -> Work:
    return Work(lambda iterations: None, 10, "no gradient", lambda: {"loss": 1.0, "smallest_gradient": 0.0})


def diverging(task: Task) -> Work:
    return Work(lambda iterations: None, 10, "diverges", lambda: {"loss": float("nan")})


def environment(task: Task) -> Work:
    names = ("MALLOC_MMAP_MAX_", "THP_MEM_ALLOC_ENABLE", "OMP_NUM_THREADS")
    return Work(lambda iterations: None, 10, " ".join(f"{n}={os.environ.get(n)}" for n in names))


def _file(task: Task) -> Path:
    return Path(task.folder).parent / "order"


def _notes(task: Task) -> list[str]:
    return [line for line in _file(task).read_text().split() if line == Path(task.folder).name]


def _note(task: Task) -> None:
    with _file(task).open("a") as stream:
        stream.write(Path(task.folder).name + "\n")
