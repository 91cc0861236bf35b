"""Progress, tables and words: what a person sees, on a terminal and in a log file."""

import errno
import io
import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.core.terminal import Progress, duration, percent, table
from alexnet.core.words import short

SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
CODES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


class LostScreen(Screen):
    """A terminal whose window was closed."""

    def write(self, text):
        raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def open_screen(monkeypatch):
    """Return a function that makes stderr a color terminal (pytest sets its own between set-up and test)."""

    def open_screen(name="stderr", stream=None, **variables):
        for variable in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in ({"TERM": "xterm-256color"} | variables).items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setattr(sys, name, stream or Screen())
        return getattr(sys, name)

    return open_screen


def test_plain_progress_writes_a_line_only_every_so_many_seconds(clock, capsys):
    with Progress("training", total=6000, unit="images", every=10, clock=clock) as progress:
        for _ in range(60):
            clock.now += 0.5
            progress.advance(100, loss=2.314, top1_error=0.712)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "training  33 %  2,000/6,000 images  20 s left  200 images/s  loss 2.31  top-1 71.2 %",
        "training  66 %  4,000/6,000 images  10 s left  200 images/s  loss 2.31  top-1 71.2 %",
        "training  100 %  6,000/6,000 images  0.0 s left  200 images/s  loss 2.31  top-1 71.2 %",
        "training  100 %  6,000/6,000 images  in 30 s  200 images/s  loss 2.31  top-1 71.2 %",
    ]


def test_work_of_an_earlier_run_counts_as_done_but_not_as_speed(clock, capsys):
    with Progress("packing", total=2000, unit="files", done=1000, clock=clock) as progress:
        clock.now += 10
        progress.advance(100)
    assert "packing  55 %  1,100/2,000 files  1 min 30 s left  10.0 files/s" in capsys.readouterr().err


def test_the_rate_is_that_of_the_latest_half_minute(clock, capsys):
    with Progress("training", every=1, clock=clock) as progress:
        clock.now += 600
        progress.advance(1)
        for _ in range(40):
            clock.now += 1
            progress.advance(5)
        assert progress.rate == 5
    assert progress.rate == pytest.approx(201 / 640)


def test_an_error_is_reported_as_a_stop_and_passes_on(clock, capsys):
    with pytest.raises(KeyError), Progress("training", total=10, clock=clock) as progress:
        clock.now += 3
        progress.advance(2)
        raise KeyError
    assert capsys.readouterr().err == "training  20 %  2/10 steps  stopped after 3.0 s  0.667 steps/s\n"


def test_a_work_of_unknown_size_shows_its_count_alone(clock, capsys):
    with Progress("listing", unit="files", clock=clock) as progress:
        progress.advance(1234567)
    assert capsys.readouterr().err == "listing  1,234,567 files  in 0.0 s\n"


def test_a_terminal_gets_a_live_line_that_ends_with_the_time_taken(open_screen, clock):
    screen = open_screen()
    with Progress("training", total=100, unit="images", clock=clock) as progress:
        clock.now += 20
        progress.advance(100, loss=0.5)
    shown = CODES.sub("", screen.getvalue())
    assert "training" in shown and "loss 0.500" in shown
    assert shown.rstrip().splitlines()[-2].rstrip().endswith("100 %  100/100 images  in 20 s  5.00 images/s")
    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h") == 1


def test_a_terminal_is_repainted_at_most_five_times_a_second(open_screen, clock):
    screen = open_screen()
    with Progress("training", total=1000, clock=clock) as progress:
        for _ in range(1000):
            clock.now += 0.001
            progress.advance()
    assert screen.getvalue().count("training") <= 1 + 5 + 1


@pytest.mark.parametrize("no_color", [False, True])
def test_no_color_turns_colors_off(open_screen, clock, no_color):
    screen = open_screen(**{"NO_COLOR": "1"} if no_color else {})
    with Progress("training", total=10, clock=clock) as progress:
        clock.now += 1
        progress.advance(5)
    assert bool(re.search(r"\x1b\[(\d+;)*(3|4)[0-9;]*m", screen.getvalue())) is not no_color


def test_a_dumb_terminal_gets_plain_lines(open_screen, clock):
    screen = open_screen(TERM="dumb")
    with Progress("training", total=2, clock=clock) as progress:
        progress.advance(2)
    assert screen.getvalue() == "training  100 %  2/2 steps  in 0.0 s\n"


def test_what_a_machine_reads_stays_on_stdout_under_a_live_line(open_screen, clock, capsys):
    screen = open_screen()
    before = sys.stdout
    with Progress("training", total=2, clock=clock):
        assert sys.stdout is before
        print(json.dumps({"step": 1}))
    assert capsys.readouterr().out == '{"step": 1}\n'
    assert "step" not in screen.getvalue().replace("steps", "")


def test_a_line_is_said_as_it_is_with_control_characters_escaped(open_screen, clock, capsys):
    screen = open_screen()
    with Progress("training", total=2, clock=clock) as progress:
        progress.say("saved [bold]best[/bold] :smile: 고양이\x1b[2J")
    assert "saved [bold]best[/bold] :smile: 고양이\\x1b[2J" in CODES.sub("", screen.getvalue())


def test_a_plain_line_is_said_between_the_others(clock, capsys):
    with Progress("training", total=2, clock=clock) as progress:
        progress.say("checkpoint saved")
    assert capsys.readouterr().err.splitlines()[0] == "checkpoint saved"


def test_one_progress_runs_inside_another(open_screen, clock):
    screen = open_screen()
    with Progress("training", total=2, clock=clock) as outer:
        with Progress("validation", total=4, clock=clock) as inner:
            inner.advance(4)
        outer.advance(2)
    shown = CODES.sub("", screen.getvalue())
    assert "4/4 steps  in" in shown and "2/2 steps  in" in shown
    assert screen.getvalue().count("\x1b[?25l") == 1
    assert isinstance(sys.stderr, Screen)


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_lost_terminal_does_not_stop_the_work(open_screen, clock, term):
    lost = open_screen(stream=LostScreen(), TERM=term)
    with Progress("training", total=100, clock=clock) as progress:
        for _ in range(100):
            clock.now += 1
            progress.advance()
        progress.say("saved")
    assert progress.done == 100
    assert sys.stderr is lost


def test_progress_works_without_any_stderr(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with Progress("training", total=1, clock=clock) as progress:
        progress.advance()
        progress.say("saved")


def test_a_plain_table_is_aligned_with_numbers_at_the_right(capsys):
    table(["network", "weights", "error"], [["alexnet", "60,965,224", "37.5 %"], ["고양이", 12, "5.0 %"]])
    assert capsys.readouterr().out.splitlines() == [
        "network     weights   error",
        "-------  ----------  ------",
        "alexnet  60,965,224  37.5 %",
        "고양이           12   5.0 %",
    ]


def test_a_table_without_rows_shows_its_headers(capsys):
    table(["run", "error"], [])
    assert capsys.readouterr().out == "run  error\n---  -----\n"


def test_a_terminal_table_shows_cells_as_they_are(open_screen):
    open_screen("stdout")
    table(["run"], [["[red]a[/red]"], ["b\x1b[2J"]])
    shown = CODES.sub("", sys.stdout.getvalue())
    assert "[red]a[/red]" in shown and "b\\x1b[2J" in shown


def test_a_table_survives_a_stream_that_cannot_write_its_letters(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    table(["class"], [["고"]])
    assert stream.buffer.getvalue().splitlines()[-1] == b"\\uace0"


def test_a_long_odd_cell_is_no_trap_for_the_number_pattern(capsys):
    table(["class"], [["1 " + "a" * 5000 + "!"], ["1" * 5000 + "e"]])
    assert capsys.readouterr().out.startswith("class\n")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (9.97, "10 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (3599.7, "1 h"),
        (7500, "2 h 5 min"),
        (84700, "23 h 32 min"),
        (86399, "1 d"),
        (442800, "5 d 3 h"),
        (float("inf"), "unknown time"),
        (float("nan"), "unknown time"),
    ],
)
def test_durations_read_as_a_person_says_them(seconds, words):
    assert duration(seconds) == words


@given(st.floats(0, 1e8))
def test_a_duration_read_back_is_right_to_half_its_smaller_unit(seconds):
    words = duration(seconds).split()
    read = sum(float(number) * SECONDS[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    rounding = {"s": 0.5, "min": 30, "h": 1800}
    smaller = {"d": "h", "h": "min", "min": "s", "s": "s"}[words[1]]
    assert abs(read - seconds) <= rounding[smaller] + 1e-6


def test_percent_has_one_digit_after_the_point():
    assert [percent(0.375), percent(0), percent(1), percent(float("nan"))] == [
        "37.5 %",
        "0.0 %",
        "100.0 %",
        "unknown",
    ]


def test_short_numbers_keep_three_digits():
    assert [short(x) for x in (2.3149, 0.5, 1234.5, 1e-5, 99.96, 0.0, float("nan"))] == [
        "2.31",
        "0.500",
        "1,234",
        "1e-05",
        "100",
        "0",
        "nan",
    ]


def test_importing_the_terminal_does_not_import_rich():
    code = "import sys, alexnet.core.terminal; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
