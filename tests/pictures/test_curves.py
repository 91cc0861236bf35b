"""Learning curves: what they show, of whole and of odd runs, and what charts need."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.core.errors import DataError, StorageError, UsageError
from alexnet.pictures import style
from alexnet.pictures.confusion import draw_confusion
from alexnet.pictures.curves import draw_learning_curves, history, rate_drops, running_mean


def train(step, loss=2.0, **more):
    return {
        "kind": "train",
        "step": step,
        "epoch": step / 10,
        "loss": loss,
        "top1_error": 0.5,
        "lr": 0.01,
    } | more


def validation(step, loss=2.0, **more):
    return {"kind": "validation", "step": step, "epoch": step / 10, "loss": loss, "top1_error": 0.25} | more


def test_chance_is_drawn_at_the_logarithm_of_the_classes(figures, out, words):
    draw_learning_curves([train(1), train(2)], out, title="", num_classes=1000)
    lines = [line.get_ydata() for line in figures[0].axes[0].lines]
    assert any(list(line) == [math.log(1000)] * 2 for line in lines)
    assert "chance, 6.91" in words(figures[0])


def test_errors_are_drawn_in_percent_and_named_with_their_latest_value(figures, out, words):
    rows = [validation(10, top1_error=0.5, top5_error=0.25), validation(20, top1_error=0.375, top5_error=0.125)]
    draw_learning_curves(rows, out, title="", num_classes=10)
    drawn = [list(line.get_ydata()) for line in figures[0].axes[1].lines]
    assert drawn == [[50.0, 37.5], [25.0, 12.5]]
    assert {"validation\ntop-1 37.5 %", "validation\ntop-5 12.5 %"} <= set(words(figures[0]))


def test_the_drawn_training_line_covers_its_records_faintly(figures, out):
    draw_learning_curves([train(i, loss=i % 2) for i in range(1, 401)], out, title="", num_classes=10)
    raw, mean = figures[0].axes[0].lines[:2]
    assert raw.get_alpha() < 0.5 and set(raw.get_ydata()) == {0.0, 1.0}
    assert list(mean.get_ydata()[100:]) == [0.5] * 300


def test_rates_are_written_and_their_drops_drawn_through_both_panels(figures, out, words):
    rows = [train(i, lr=0.01 if i < 50 else 1e-5) for i in range(1, 101)]
    draw_learning_curves(rows, out, title="", num_classes=10)
    assert {"rate 0.01", "1e-5"} <= set(words(figures[0]))
    for axes in figures[0].axes:
        assert any(list(line.get_xdata()) == [5.0, 5.0] for line in axes.lines)


def test_losses_that_are_not_finite_are_marked_and_the_others_drawn(figures, out, words):
    rows = [train(1), train(2, loss=math.nan), train(3, loss=None), train(4, loss=math.inf), validation(5)]
    draw_learning_curves(rows, out, title="", num_classes=10)
    marks = [line for line in figures[0].axes[0].lines if line.get_marker() == "|"]
    assert [list(mark.get_xdata()) for mark in marks] == [[0.2, 0.3, 0.4]]
    assert "not finite" in words(figures[0])


@pytest.mark.parametrize(
    "rows",
    [
        [train(1)],
        [validation(0)],
        [train(1, loss=math.nan, top1_error=math.nan)],
        [validation(1, top5_error=None), validation(2, loss="nan")],
        [{"kind": "train", "step": 1, "epoch": 0.5}],
        [train(i, loss=1e30 if i == 5 else 0.01, top1_error=0.001) for i in range(1, 300)],
    ],
    ids=["one record", "epoch 0", "only nan", "no top-5", "no values", "a spike"],
)
def test_odd_runs_become_a_picture(rows, out, pixels):
    draw_learning_curves(rows, out, title="$\\frac$ 강아지 \n" + "long " * 40, num_classes=10)
    assert pixels(out).shape == (1440, 1280, 3)


def test_a_run_without_records_is_refused_and_leaves_no_file(out):
    with pytest.raises(DataError, match="nothing to draw"):
        draw_learning_curves([{"kind": "note", "step": 1}], out, title="", num_classes=10)
    assert not out.exists()


def test_equal_records_give_equal_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        draw_learning_curves([train(1), validation(2)], tmp_path / name, title="run", num_classes=10)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_without_matplotlib_the_extra_is_named(monkeypatch, out):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r'pip install "alexnet\[report\]"'):
        draw_learning_curves([train(1)], out, title="", num_classes=10)
    with pytest.raises(UsageError, match="matplotlib"):
        draw_confusion(np.eye(2, dtype=int), ["a", "b"], out, title="")


def test_charts_leave_pyplot_alone_and_tiles_need_no_matplotlib(tmp_path):
    code = f"""
import sys, numpy as np
from pathlib import Path
from alexnet.pictures import confusion, curves, kernels, sheet, views
folder = Path({str(tmp_path)!r})
kernels.draw_kernels(np.zeros((1, 3, 2, 2)), folder / "k.png", title="k")
sheet.draw_contact_sheet([np.zeros((2, 2, 1), np.uint8)], ["a"], folder / "s.png")
assert "matplotlib" not in sys.modules
confusion.draw_confusion(np.eye(2, dtype=int), ["a", "b"], folder / "c.png", title="c")
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_missing_folder_is_reported_in_one_line(tmp_path):
    with pytest.raises(StorageError, match="folder does not exist"):
        draw_learning_curves([train(1)], tmp_path / "no" / "a.png", title="", num_classes=10)


def test_records_that_a_resumed_run_wrote_again_replace_the_old_ones():
    rows = [train(1), train(2), train(3), validation(3), train(2, loss=9.0)]
    assert [(row["step"], row["loss"]) for row in history(rows, "train")] == [(1, 2.0), (2, 9.0)]
    assert len(history(rows, "validation")) == 1


@given(st.lists(st.integers(0, 20), min_size=1))
def test_a_history_rises_and_ends_with_the_last_record(steps):
    kept = [row["step"] for row in history([train(step) for step in steps], "train")]
    assert kept == sorted(set(kept)) and kept[-1] == steps[-1]


def test_a_running_mean_forgets_a_spike_after_its_window():
    points = np.stack((np.arange(1000.0), np.full(1000, 2.0)), axis=1)
    points[100, 1] = 1e30
    mean = running_mean(points)
    assert (mean[:100, 1] == 2).all() and (mean[100:120, 1] > 1e28).all() and (mean[120:, 1] == 2).all()


@pytest.mark.parametrize("count", [1, 2, 1999, 2001, 50_000])
def test_a_running_mean_keeps_both_ends_and_few_points(count):
    points = np.stack((np.arange(float(count)), np.ones(count)), axis=1)
    mean = running_mean(points)
    assert mean[0, 0] == 0 and mean[-1, 0] == count - 1
    assert len(mean) == min(count, 2000)


def test_only_sudden_falls_of_the_rate_count_as_drops():
    rates = [0.01, 0.01, 0.0099, 0.001, 0.002, 0.0005, None]
    drops = rate_drops([train(i, lr=rate) for i, rate in enumerate(rates)])
    assert drops == [(0.0, 0.01), (0.3, 0.001), (0.5, 0.0005)]


@given(st.lists(st.floats(-1, 2), max_size=8), st.floats(0.01, 0.1))
def test_names_at_line_ends_keep_their_order_and_distance(places, gap):
    moved = style.spread(places, gap)
    order = np.argsort(places, kind="stable")
    assert (np.diff(np.array(moved)[order]) >= gap - 1e-9).all()
    assert all(0 <= place <= 1 for place in moved)
