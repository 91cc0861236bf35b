"""Whatever a recipe holds, its TOML reads back as the same recipe."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.config.load import build, to_table, to_toml
from alexnet.optim.config import LayerConfig, OptimConfig
from alexnet.optim.schedule import Constant, Cosine, Geometric, Plateau, Polynomial, Stage, Stages
from alexnet.training.config import CheckpointConfig, TrainConfig
from alexnet.views.config import ViewConfig


@dataclass(frozen=True, kw_only=True)
class Free:
    kind: ClassVar[str] = "free"
    texts: tuple[str, ...] = ()
    table: Mapping[str, int | float | str | bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The shape of a real recipe, with a field for every kind of value."""

    name: str
    seed: int = 0
    size: int | Literal["native"] = 256
    edits: tuple[Free, ...] = ()
    view: ViewConfig = field(default_factory=ViewConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    schedule: Constant | Stages | Plateau | Geometric | Cosine | Polynomial | Free = field(
        default_factory=Constant
    )
    train: TrainConfig = field(default_factory=TrainConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)


SCALAR_VALUES = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.text(SCALAR_VALUES, max_size=12),
    st.text(
        st.sampled_from("\"'\\\n\r\t\0\x1f\x7f\x85\u2028\ufeff한글É \U0001f600\U000e0001\U0010ffff#=[]{}."),
        max_size=8,
    ),
)
POSITIVE = st.floats(0, 1e300)
RATES = st.one_of(POSITIVE, st.sampled_from([0.0, 1e-5, 5e-324, 1e16, 0.1 + 0.2, math.inf]))
OPTIONAL_RATES = st.none() | RATES
SCALARS = st.one_of(st.integers(), st.floats(allow_nan=False), TEXTS, st.booleans())

LAYERS = st.dictionaries(
    TEXTS,
    st.builds(LayerConfig, lr=OPTIONAL_RATES, bias_lr=OPTIONAL_RATES, weight_decay=OPTIONAL_RATES),
    max_size=3,
)
STAGE = st.builds(
    Stage,
    epoch=st.just(0.0),
    scale=RATES,
    bias_scale=OPTIONAL_RATES,
    layers=st.dictionaries(TEXTS, RATES, max_size=2),
    color_noise=st.booleans(),
)
FREE = st.builds(
    Free, texts=st.lists(TEXTS, max_size=3).map(tuple), table=st.dictionaries(TEXTS, SCALARS, max_size=3)
)
SCHEDULES = st.one_of(
    st.just(Constant()),
    st.builds(Stages, stages=st.lists(STAGE, min_size=1, max_size=3).map(tuple)),
    st.builds(Plateau, factor=RATES, max_drops=st.integers(0, 5)),
    st.builds(Geometric, steps=st.integers(2, 9), warmup_epochs=RATES),
    st.builds(Cosine, final=RATES),
    st.builds(Polynomial, power=st.floats(0.1, 9), warmup_from=st.floats(0, 1)),
    FREE,
)
RECIPES = st.builds(
    Recipe,
    name=TEXTS,
    seed=st.integers(-(2**70), 2**70),
    size=st.integers() | st.just("native"),
    edits=st.lists(FREE, max_size=3).map(tuple),
    view=st.builds(
        ViewConfig, crop=st.integers(1, 500), scale=st.floats(allow_nan=False), mirror=st.booleans()
    ),
    optim=st.builds(OptimConfig, lr=RATES, bias_lr=OPTIONAL_RATES, layers=LAYERS),
    schedule=SCHEDULES,
    train=st.builds(TrainConfig, micro_batch_size=st.none() | st.integers(1, 128)),
    checkpoint=st.builds(CheckpointConfig, every_steps=st.none() | st.integers(1, 10**12)),
)


@given(RECIPES)
@settings(max_examples=200, deadline=None)
def test_writing_and_reading_a_recipe_is_the_identity(recipe):
    text = to_toml(to_table(recipe))
    again = build(Recipe, tomllib.loads(text))
    assert again == recipe
    assert to_toml(to_table(again)) == text


def types_of(value):
    return {f.name: type(getattr(value, f.name)) for f in fields(value)}


@given(RECIPES)
@settings(max_examples=50, deadline=None)
def test_numbers_keep_their_types(recipe):
    again = build(Recipe, tomllib.loads(to_toml(to_table(recipe))))
    for name in ("view", "optim", "train", "checkpoint"):
        assert types_of(getattr(again, name)) == types_of(getattr(recipe, name))


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_any_text_survives_as_value_and_as_key(text):
    table = {"plain": text, text + "k": 1, "table": {text: [text, {"x": text}]}}
    assert tomllib.loads(to_toml(table)) == table


def test_the_text_is_plain_toml_that_a_person_can_edit():
    recipe = Recipe(
        name="demo",
        seed=3,
        edits=(Free(texts=("a",)),),
        optim=OptimConfig(layers={"conv1": LayerConfig(lr=0.5)}),
    )
    lines = to_toml(to_table(recipe)).splitlines()
    assert lines[:3] == ['name = "demo"', "seed = 3", "size = 256"]
    for line in (
        "[[edits]]",
        'kind = "free"',
        'texts = ["a"]',
        "[optim]",
        "lr = 0.01",
        "[optim.layers.conv1]",
        "lr = 0.5",
    ):
        assert line in lines
    assert 'kind = "constant"' in lines and "mirror = true" in lines


def test_keys_that_are_none_are_left_out():
    table = to_table(replace(Recipe(name="x"), optim=OptimConfig(bias_lr=None)))
    assert "bias_lr" not in table["optim"] and "every_steps" not in table["checkpoint"]


def test_not_a_number_survives_too():
    assert math.isnan(tomllib.loads(to_toml({"x": math.nan}))["x"])


def test_a_value_that_toml_has_no_form_for_is_a_programming_mistake():
    with pytest.raises(TypeError, match="no TOML for bytes"):
        to_toml({"x": b"1"})
