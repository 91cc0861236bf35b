"""What an experiment has to do, shares with others, and never does twice."""

import shutil
from dataclasses import replace

import pytest
from planted import experiment, pair, plant, record

from alexnet.core.errors import UsageError
from alexnet.experiments.catalog.catalog import EXPERIMENTS
from alexnet.experiments.claim import Contrast, Search, Value
from alexnet.experiments.outcome import outcome
from alexnet.experiments.part import Average, Network
from alexnet.experiments.plan import is_finished, plan
from alexnet.experiments.results import Results, read_part


def test_every_arm_is_trained_with_every_seed_and_the_first_seeds_come_first(tmp_path):
    found = plan(experiment(), "laptop", Results(tmp_path))
    assert [part.recipe.seed for part in found.all()] == [0, 0, 1, 1, 2, 2]
    assert len({part.digest for part in found.all()}) == 6


def test_equal_networks_of_two_experiments_are_one(tmp_path):
    one = plan(experiment(), "laptop", Results(tmp_path))
    other = plan(replace(experiment(), name="other", title="Other"), "laptop", Results(tmp_path))
    assert {p.digest for p in one.all()} == {p.digest for p in other.all()}


def test_what_is_done_is_found_by_a_later_process(tmp_path):
    asked, results = experiment(), Results(tmp_path)
    assert not is_finished(asked, "laptop", results)
    plant(results, asked, {arm: {s: 0.2 for s in (0, 1, 2)} for arm in ("with", "without")})
    assert is_finished(asked, "laptop", results)
    again = Results(tmp_path)
    assert is_finished(asked, "laptop", again) and len(again) == 6
    part = plan(asked, "laptop", again).parts["without"][1]
    assert read_part(again.find(part).folder).digest == part.digest


def test_a_search_comes_first_and_its_best_rate_is_used(tmp_path):
    asked, results = experiment(rates=(0.3, 1.0, 3.0)), Results(tmp_path)
    first = plan(asked, "laptop", results)
    assert first.waiting == ["with"] and "with" not in first.parts
    assert [trial.part.recipe.optim.lr for trial in first.trials] == pytest.approx([0.003, 0.01, 0.03])
    assert {trial.part.recipe.seed for trial in first.trials} == {1000}
    for trial, loss in zip(first.trials, (2.0, 1.0, 1.5), strict=True):
        results.add(trial.part, record(0.5, loss=loss), {})
    second = plan(asked, "laptop", results)
    assert second.chosen == {"with": 1.0} and not second.waiting
    assert second.parts["with"][0].recipe.optim.lr == pytest.approx(0.01)


def test_a_rate_that_diverged_is_not_chosen_and_not_tried_again(tmp_path):
    asked, results = experiment(rates=(1.0, 3.0)), Results(tmp_path)
    low, high = plan(asked, "laptop", results).trials
    results.add(low.part, record(0.5, loss=9.0), {})
    diverged = record(0.5) | {"measures": {}, "diverged": "the loss is not finite"}
    results.add(high.part, diverged, {})
    lower = plan(asked, "laptop", results).trials[0]
    results.add(lower.part, record(0.5, loss=9.5), {})
    found = plan(asked, "laptop", Results(tmp_path))
    assert found.chosen == {"with": 1.0}


@pytest.mark.parametrize(("losses", "tried", "best"), [((1, 2, 3), 0.1, 0.3), ((3, 2, 1), 10.0, 3.0)])
def test_a_best_rate_at_the_edge_is_not_believed_before_the_next_was_tried(tmp_path, losses, tried, best):
    asked, results = experiment(rates=(0.3, 1.0, 3.0)), Results(tmp_path)
    for trial, loss in zip(plan(asked, "laptop", results).trials, losses, strict=True):
        results.add(trial.part, record(0.5, loss=loss), {})
    wider = plan(asked, "laptop", results)
    (new,) = [trial for trial in wider.trials if results.find(trial.part) is None]
    assert new.factor == tried and wider.waiting == ["with"]
    results.add(new.part, record(0.5, loss=9.0), {})
    assert plan(asked, "laptop", results).chosen == {"with": best}


def test_a_search_ends_though_every_wider_rate_is_better(tmp_path):
    asked, results = experiment(rates=(0.3, 1.0, 3.0)), Results(tmp_path)
    while (found := plan(asked, "laptop", results)).waiting:
        for trial in found.trials:
            if results.find(trial.part) is None:
                results.add(trial.part, record(0.5, loss=1 / trial.factor), {})
    assert len(found.trials) == asked.search.most and found.chosen == {"with": 100.0}


def test_nothing_is_chosen_by_the_test_set():
    with pytest.raises(ValueError, match="test set"):
        Search(measure="test.top1_error")
    for found in EXPERIMENTS.values():
        assert found.search is None or found.search.measure.startswith("curves.")


def test_ensembles_are_made_of_networks_that_no_other_has(tmp_path):
    asked, results = experiment(seeds=range(5), ensembles=(pair(),)), Results(tmp_path)
    averages = plan(asked, "laptop", results).parts["pair"]
    assert {k: [n.recipe.seed for n in a.networks] for k, a in averages.items()} == {0: [0, 1], 1: [2, 3]}
    plant(results, asked, {"with": {s: 0.2 for s in range(5)}})
    results.add(averages[0], record(0.1), {})
    again = Results(tmp_path)
    assert isinstance(read_part(again.find(averages[0]).folder), Average)
    assert not again.lacks(averages[0], ()) and again.lacks(averages[1], ())


def test_a_measure_that_is_missing_is_work(tmp_path):
    asked, results = experiment(), Results(tmp_path)
    plant(results, asked, {"with": {0: 0.2}})
    part = plan(asked, "laptop", results).parts["with"][0]
    assert not results.lacks(part, ("test",)) and results.lacks(part, ("views",))


def test_a_key_that_recipes_get_later_does_not_undo_results(tmp_path):
    """Stored recipes are read by this version: what they lack has its default."""
    asked, results = experiment(), Results(tmp_path)
    plant(results, asked, {"with": {0: 0.2}})
    part = plan(asked, "laptop", results).parts["with"][0]
    recipe = results.find(part).folder / "recipe.toml"
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("half_turn = false\n", ""), encoding="utf-8")
    assert "half_turn" in text and not Results(tmp_path).lacks(part, ())


def test_unknown_budgets_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no budget 'gpu'"):
        plan(experiment(), "gpu", Results(tmp_path))


@pytest.mark.parametrize(
    ("effect", "word"), [(-0.05, "confirmed"), (0.05, "not confirmed"), (0.0, "cannot tell")]
)
def test_planted_results_come_to_their_verdict(tmp_path, effect, word):
    asked, results = experiment(), Results(tmp_path)
    noise = {0: 0.001, 1: -0.002, 2: 0.001}
    plant(
        results,
        asked,
        {"with": {s: 0.3 + effect + e for s, e in noise.items()}, "without": dict.fromkeys(noise, 0.3)},
    )
    found = outcome(asked, "laptop", Results(tmp_path))
    assert [f.verdict.word for f in found.findings] == [word]
    assert "3 seeds" in found.findings[0].sentence()


def test_two_seeds_say_nothing(tmp_path):
    asked, results = experiment(seeds=(0, 1)), Results(tmp_path)
    plant(results, asked, {"with": {0: 0.1, 1: 0.1}, "without": {0: 0.9, 1: 0.9}})
    assert outcome(asked, "laptop", results).findings[0].verdict.word == "cannot tell"


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_every_experiment_can_be_planned_at_every_budget(name, tmp_path):
    """Every edit is of a row that there is, every change of a key: `full` and `gpu`, which do not run here, too."""
    found = EXPERIMENTS[name]
    assert "smoke" in found.budgets
    for budget in found.budgets:
        if not (name == "figure-1" and budget == "full"):
            parts = plan(found, budget, Results(tmp_path)).all()
            assert parts and all(isinstance(p, Network | Average) for p in parts)


def an_ensemble(results):
    """Plant an ensemble and its networks; return it."""
    parts = plan(experiment(ensembles=(pair(),)), "laptop", results).all()
    average = next(part for part in parts if isinstance(part, Average))
    for part in (*average.networks, average):
        results.add(part, record(0.2), {})
    return average


def test_an_ensemble_whose_networks_are_gone_is_done_again(tmp_path):
    average = an_ensemble(Results(tmp_path))
    folder = Results(tmp_path).find(average).folder
    shutil.rmtree(Results(tmp_path).find(average.networks[0]).folder)

    again = Results(tmp_path)
    assert again.find(average) is None
    again.add(average.networks[0], record(0.2), {})
    assert again.add(average, record(0.4), {}).folder == folder
    assert Results(tmp_path).find(average).value("test.top1_error") == 0.4


def test_a_network_done_again_keeps_its_folder_and_its_ensemble(tmp_path):
    average = an_ensemble(Results(tmp_path))
    results = Results(tmp_path)
    folder = results.find(average.networks[0]).folder
    again = results.add(replace(average.networks[0], label="another name"), record(0.4), {})
    assert again.folder == folder and again.value("test.top1_error") == 0.4
    assert Results(tmp_path).find(average) is not None


def test_an_error_that_was_never_reached_bounds_the_ratio(tmp_path):
    more = Contrast(
        says="with it takes longer",
        left=Value("with", "curves.epochs_to_25"),
        right=Value("without", "curves.epochs_to_25"),
        expects="higher",
        by="ratio",
    )
    asked, results = replace(experiment(), contrasts=(more,)), Results(tmp_path)
    for arm, epochs, reached in (("with", 20.0, False), ("without", 5.0, True)):
        for seed, part in plan(asked, "laptop", results).parts[arm].items():
            told = record(0.2, seed=seed)
            told["measures"]["curves"] |= {"epochs_to_25": epochs + seed / 10, "reached_25": reached}
            results.add(part, told, {})
    (finding,) = outcome(asked, "laptop", Results(tmp_path)).findings
    assert finding.verdict.word == "confirmed"
    assert finding.effect().startswith("at least 3.9") and " ..), 3 seeds" in finding.effect()
