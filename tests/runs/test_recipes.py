"""The packaged recipes: each loads, fits its network, and says where its numbers come from."""

import re

import pytest

from alexnet.core.errors import RecipeError
from alexnet.nets.catalog import INITIALIZATIONS, find_network
from alexnet.nets.edits import apply_edits
from alexnet.nets.rows import LocalConv
from alexnet.nets.summary import summarize
from alexnet.nets.tables import weighted
from alexnet.optim.schedule import Stages
from alexnet.runs.recipe import load_recipe, recipe_names, recipe_text

NAMES = recipe_names()
DIARIES = {
    "alexnet-145-ilsvrc2010": (23, 51, 68, 72, 78, 93),
    "alexnet-145-ilsvrc2012": (25, 51, 67, 72, 79, 91),
    "alexnet-145-half-ilsvrc2010": (20, 48, 66, 72, 78, 96),
    "alexnet-148-ilsvrc2012": (22, 44, 69, 73, 86, 97),
    "alexnet-150-ilsvrc2012": (25, 49, 66, 72, 79, 92),
}
"""Epochs of the 2012 runs: rate / 10, / 100, conv1 slowed and noise off, conv1 frozen, rate / 1000, end."""


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_fits_its_network(name):
    recipe = load_recipe(name)
    spec = find_network(recipe.model.name)
    table = apply_edits(INITIALIZATIONS[recipe.model.init](spec.table), recipe.model.edits)
    classes = recipe.model.num_classes or 10
    crop = recipe.view.crop
    seen = summarize(table, (spec.input_shape[0], crop, crop), classes)
    built = summarize(table, spec.input_shape, classes)
    assert [r.parameters for r in seen] == [r.parameters for r in built]
    layers = {row.name for row in weighted(table)}
    assert recipe.optim.layers.keys() <= layers
    if isinstance(recipe.schedule, Stages):
        for stage in recipe.schedule.stages:
            assert stage.layers.keys() <= layers
            assert stage.epoch < recipe.train.epochs


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_how_to_run_it_and_what_is_known_of_its_result(name):
    header = "".join(line for line in recipe_text(name).splitlines(True) if line.startswith("#"))
    assert re.search(rf"alexnet (train {name} --data|demo)", header)
    published = name.endswith(("2009", "2010", "2011", "2012")) or "-ilsvrc" in name
    assert (
        re.search(r"Not run here|not been run" if published else r"Measured|LABBOOK", header)
        or name == "alexnet"
    )
    assert load_recipe(name).summary


@pytest.mark.parametrize(("name", "epochs"), DIARIES.items())
def test_the_diaries_are_those_of_the_2012_runs(name, epochs):
    recipe = load_recipe(name)
    first, second, slowed, frozen, third, end = epochs
    assert recipe.train.epochs == end

    def at(epoch):
        return recipe.schedule.rates(epoch, end, ())

    for epoch, scale in ((0, 1.0), (first, 0.1), (second, 0.01), (third, 0.001)):
        assert at(epoch).scale == pytest.approx(scale)
        assert epoch == 0 or at(epoch - 1).scale == pytest.approx(10 * scale)
    assert at(0).bias_scale == 1.0 and at(first).bias_scale == at(end - 1).bias_scale == 0.1
    assert recipe.optim.lr * at(slowed).layer_scale["conv1"] == pytest.approx(1e-5)
    assert "conv1" not in at(slowed - 1).layer_scale and at(frozen).layer_scale["conv1"] == 0
    assert at(slowed - 1).color_noise and not at(slowed).color_noise


def test_config_147_freezes_conv1_at_once_and_keeps_its_noise():
    recipe = load_recipe("alexnet-147-ilsvrc2012")
    rates = [recipe.schedule.rates(epoch, 90, ()) for epoch in (0, 23, 51, 79)]
    assert [r.scale for r in rates] == pytest.approx([1, 0.1, 0.01, 0.001])
    assert rates[3].layer_scale == {"conv1": 0.0} and not rates[2].layer_scale
    assert all(r.color_noise for r in rates)


def test_fine_tuning_gives_the_last_layer_ten_times_the_rate_until_epoch_9():
    recipe = load_recipe("alexnet-146-ilsvrc2012")

    def rate(layer, epoch):
        rates = recipe.schedule.rates(epoch, 54, ())
        own = recipe.optim.layers.get(layer)
        return (recipe.optim.lr if own is None else own.lr) * rates.layer_scale.get(layer, rates.scale)

    assert [rate("fc8", e) for e in (0, 0.03, 9, 22, 42)] == pytest.approx([0.001, 0.01, 0.001, 1e-4, 1e-5])
    assert [rate("conv1", e) for e in (0, 5, 7, 42)] == pytest.approx([1e-4, 1e-5, 0, 0])
    assert [rate("conv3", e) for e in (0, 22, 42)] == pytest.approx([0.001, 1e-4, 1e-5])


@pytest.mark.parametrize(
    ("name", "decay"),
    [
        ("cifar10-80sec", {"conv1": 0.004, "conv2": 0.004, "conv3": 0.004, "fc64": 0.03, "fc10": 0.03}),
        ("cifar10-19pct", {"conv1": 0.004, "conv2": 0.004, "conv3": 0.004, "fc10": 3.0}),
        ("cifar10-18pct", {"conv1": 0.004, "conv2": 0.004, "conv3": 0.004, "fc10": 1.0}),
        ("cifar10-13pct", {"conv1": 0, "conv2": 0, "local3": 0.004, "local4": 0.004, "fc10": 0.004}),
        ("cifar10-11pct", {"conv1": 0, "conv2": 0, "local3": 0.004, "local4": 0.004, "fc10": 0.01}),
    ],
)
def test_the_cifar_recipes_have_the_rates_and_decays_of_their_files(name, decay):
    recipe = load_recipe(name)
    assert (recipe.optim.lr, recipe.optim.bias_lr, recipe.optim.momentum) == (0.001, 0.002, 0.9)
    assert recipe.train.batch_size == 128
    spec = find_network(recipe.model.name)
    found = {}
    for row in weighted(spec.table):
        own = recipe.optim.layers.get(row.name)
        found[row.name] = recipe.optim.weight_decay if own is None else own.weight_decay
    assert found == decay
    kinds = {type(row) for row in spec.table}
    augmented = LocalConv in kinds
    assert (recipe.view.crop, recipe.view.mirror, recipe.evaluate.views) == (
        (24, True, 9) if augmented else (32, False, 1)
    )


def test_a_recipe_extends_another_through_any_number_of_steps(tmp_path):
    (tmp_path / "a.toml").write_text('extends = "mnist-lenet5"\n[optim]\nlr = 0.5\n')
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n[train]\nepochs = 3\n')
    recipe = load_recipe(tmp_path / "b.toml")
    assert (recipe.name, recipe.model.name, recipe.optim.lr, recipe.train.epochs) == (
        "b",
        "lenet5_modern",
        0.5,
        3,
    )


def test_recipes_that_extend_one_another_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n')
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n')
    with pytest.raises(RecipeError, match="circle"):
        load_recipe(tmp_path / "a.toml")
