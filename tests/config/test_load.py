"""From plain values to frozen dataclasses: what is accepted, and the one line that answers a mistake."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pytest

from alexnet.config.load import build, merge, parse_assignment, read_toml
from alexnet.core.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Layer:
    lr: float | None = None


@dataclass(frozen=True, kw_only=True)
class Optim:
    lr: float = 0.01
    layers: Mapping[str, Layer] = field(default_factory=dict)

    def __post_init__(self):
        if self.lr < 0:
            raise ValueError(f"lr must not be negative, not {self.lr}")


@dataclass(frozen=True, kw_only=True)
class Flat:
    kind: ClassVar[str] = "flat"


@dataclass(frozen=True, kw_only=True)
class Step:
    epoch: float
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Steps:
    kind: ClassVar[str] = "steps"
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Whole:
    name: str
    epochs: int = 90
    on: bool = True
    size: int | Literal["native"] = 256
    views: Literal[1, 5, 10] = 1
    mode: Literal["image", "channel"] = "image"
    limit: int | None = None
    weights: tuple[float, ...] = ()
    optim: Optim = field(default_factory=Optim)
    schedule: Flat | Steps = field(default_factory=Flat)


def refusal(table):
    with pytest.raises(RecipeError) as caught:
        build(Whole, {"name": "x", **table})
    line = str(caught.value)
    assert "\n" not in line
    return line


# --- what is accepted


def test_what_is_not_said_has_its_default():
    assert build(Whole, {"name": "x"}) == Whole(name="x")


def test_every_kind_of_value_is_built():
    table = {
        "name": "한글",
        "epochs": 3,
        "on": False,
        "size": "native",
        "views": 10,
        "mode": "channel",
        "limit": 7,
        "weights": [1, 2.5],
        "optim": {"lr": 1, "layers": {"conv1": {"lr": 0.5}, "fc 8": {}}},
        "schedule": {"kind": "steps", "steps": [{"epoch": 0}, {"epoch": 2.5, "scale": 0}]},
    }
    built = build(Whole, table)
    assert built == Whole(
        name="한글",
        epochs=3,
        on=False,
        size="native",
        views=10,
        mode="channel",
        limit=7,
        weights=(1.0, 2.5),
        optim=Optim(lr=1.0, layers={"conv1": Layer(lr=0.5), "fc 8": Layer()}),
        schedule=Steps(steps=(Step(epoch=0.0), Step(epoch=2.5, scale=0.0))),
    )
    assert [type(w) for w in built.weights] == [float, float] and type(built.optim.lr) is float


def test_what_is_built_is_frozen():
    built = build(Whole, {"name": "x", "optim": {"lr": 0.5}})
    with pytest.raises(dataclasses.FrozenInstanceError):
        built.epochs = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        built.optim.lr = 1.0


def test_a_union_is_chosen_by_its_kind():
    assert build(Whole, {"name": "x", "schedule": {"kind": "flat"}}).schedule == Flat()


# --- mistakes


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"epoch": 3}, "epoch: unknown key; did you mean 'epochs'?"),
        ({"optim": {"leraning_rate": 1}}, "optim.leraning_rate: unknown key; did you mean 'optim.lr'?"),
        ({"optim": {"learning-rate": 1}}, "optim.learning-rate: unknown key; did you mean 'optim.lr'?"),
        ({"num_epochs": 1}, "num_epochs: unknown key; did you mean 'epochs'?"),
        ({"optim": {"zzz": 1}}, "optim.zzz: unknown key; choose one of layers, lr"),
        ({"optim": {"layers": {"conv1": {"lrr": 1}}}},
         "optim.layers.conv1.lrr: unknown key; did you mean 'optim.layers.conv1.lr'?"),
        ({"schedule": {"kind": "steps", "steps": [{"epoch": 0}, {"epochs": 1}]}},
         "schedule.steps[1].epochs: unknown key; did you mean 'schedule.steps[1].epoch'?"),
        ({"schedule": {"kind": ["flat"]}}, "schedule.kind: ['flat'] is not a kind"),
        ({"schedule": {"kind": "step"}}, "schedule.kind: 'step' is not a kind; did you mean 'steps'?"),
        ({"schedule": {"kind": "flat", "steps": []}}, "schedule.steps: unknown key; there is none"),
        ({"kind": "x"}, "kind: unknown key"),
        ({"optim": {"kind": "adam"}}, "optim.kind: unknown key"),
    ],
)  # fmt: skip
def test_unknown_keys_are_answered_with_the_nearest(table, line):
    assert refusal(table).startswith(line)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"epochs": "3"}, "epochs: expected a whole number, found '3'"),
        ({"epochs": 3.0}, "epochs: expected a whole number, found 3.0"),
        ({"epochs": True}, "epochs: expected a whole number, found True"),
        ({"on": 1}, "on: expected true or false, found 1"),
        ({"name": 3}, "name: expected a string, found 3"),
        ({"optim": {"lr": "fast"}}, "optim.lr: expected a number, found 'fast'"),
        ({"optim": {"lr": True}}, "optim.lr: expected a number, found True"),
        ({"optim": 3}, "optim: expected a table, found 3"),
        ({"optim": {"layers": [1]}}, "optim.layers: expected a table, found [1]"),
        ({"optim": {"layers": {"conv1": 1}}}, "optim.layers.conv1: expected a table, found 1"),
        ({"weights": 3}, "weights: expected a list, found 3"),
        ({"weights": [1, "x"]}, "weights[1]: expected a number, found 'x'"),
        ({"schedule": 3}, "schedule: 3 does not fit here"),
        ({"schedule": {"kind": "steps", "steps": [3]}}, "schedule.steps[0]: expected a table, found 3"),
        ({"size": 1.5}, "size: 1.5 does not fit here"),
        ({"size": "nativ"}, "size: 'nativ' does not fit here"),
        ({"limit": "all"}, "limit: expected a whole number, found 'all'"),
        ({"views": 3}, "views: 3 is not a choice"),
        ({"views": True}, "views: True is not a choice"),
        ({"views": 1.0}, "views: 1.0 is not a choice"),
        ({"mode": "chanel"}, "mode: 'chanel' is not a choice; did you mean 'channel'?"),
        ({"mode": ["image"]}, "mode: ['image'] is not a choice"),
    ],
)
def test_wrong_types_are_named_with_their_value(table, line):
    assert refusal(table).startswith(line)


def test_a_missing_key_is_named():
    with pytest.raises(RecipeError, match=r"^name: is missing"):
        build(Whole, {})
    assert refusal({"schedule": {"kind": "steps", "steps": [{}]}}).startswith(
        "schedule.steps[0].epoch: is missing"
    )


def test_a_table_without_its_kind_is_answered_with_the_kinds():
    assert refusal({"schedule": {"steps": []}}) == "schedule.kind: is missing; choose one of flat, steps"


def test_a_refused_value_is_answered_with_the_tables_name():
    assert refusal({"optim": {"lr": -1.0}}) == "optim: lr must not be negative, not -1.0"


# --- laying one table over another


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({"a": {"x": {"p": 1, "q": 2}}}, {"a": {"x": {"q": 3}}}, {"a": {"x": {"p": 1, "q": 3}}}),
        ({"a": {"x": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"s": {"kind": "flat", "x": 1}}, {"s": {"kind": "steps", "y": 2}}, {"s": {"kind": "steps", "y": 2}}),
        (
            {"s": {"kind": "steps", "x": 1}},
            {"s": {"kind": "steps", "y": 2}},
            {"s": {"kind": "steps", "x": 1, "y": 2}},
        ),
        ({"s": {"kind": "steps", "x": 1}}, {"s": {"x": 2}}, {"s": {"kind": "steps", "x": 2}}),
        ({"s": {"x": 1}}, {"s": {"kind": "steps"}}, {"s": {"kind": "steps"}}),
        ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_changes_lie_over_the_base_table_by_table(base, changes, expected):
    import copy

    before = copy.deepcopy((base, changes))
    assert merge(base, changes) == expected
    assert (base, changes) == before


# --- one assignment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optim.lr=0.02", {"optim": {"lr": 0.02}}),
        ("epochs=3", {"epochs": 3}),
        (" optim . lr = 1e-3 ", {"optim": {"lr": 0.001}}),
        ("name=quick", {"name": "quick"}),
        ('name="two words"', {"name": "two words"}),
        ("name=two words", {"name": "two words"}),
        ("name=a=b", {"name": "a=b"}),
        ("name=", {"name": ""}),
        ("on=false", {"on": False}),
        ("a.b.c=[1, 2]", {"a": {"b": {"c": [1, 2]}}}),
        ("schedule={kind = 'steps', n = 2}", {"schedule": {"kind": "steps", "n": 2}}),
        ("path=C:\\new", {"path": "C:\\new"}),
    ],
)
def test_an_assignment_is_a_key_and_a_toml_value_or_a_bare_string(text, expected):
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["optim.lr", "=3", "optim..lr=3", ".lr=3", "optim.=3", "", " = "])
def test_what_is_no_assignment_is_refused_with_an_example(text):
    with pytest.raises(RecipeError) as caught:
        parse_assignment(text)
    assert str(caught.value) == f"--set: {text!r} is not key=value; write e.g. --set optim.lr=0.02"


# --- files


def test_a_file_is_read_as_utf8(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_bytes('summary = "그림"\n[optim]\nlr = 0.1\n'.encode())
    assert read_toml(path) == {"summary": "그림", "optim": {"lr": 0.1}}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"lr = = 3\n", "is not valid TOML: Invalid value (at line 1, column 6)"),
        (b"a = 1\na = 2\n", "is not valid TOML: Cannot overwrite a value (at line 2"),
        (b'name = "\xff\xfe"\n', "is not valid TOML"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path, content, what):
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        read_toml(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: {what}") and "\n" not in line
