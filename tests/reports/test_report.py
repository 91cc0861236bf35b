"""Reports of planted results: what is on the page, and that it needs neither torch nor the web."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from planted import experiment, plant, record

from alexnet.experiments.claim import Base, Budget
from alexnet.experiments.plan import plan
from alexnet.experiments.results import Results
from alexnet.reports.content import sections
from alexnet.reports.markdown import files, to_markdown
from alexnet.reports.numbers import each, mean_and_spread
from alexnet.reports.page import to_html

pytest.importorskip("matplotlib", reason="the report extra is not installed")


@pytest.fixture
def found(tmp_path):
    asked, results = experiment(caveat="only <planted> & small"), Results(tmp_path)
    plant(results, asked, {"with": {0: 0.21, 1: 0.22, 2: 0.2}, "without": {0: 0.31, 1: 0.32, 2: 0.3}})
    return sections([asked], "laptop", Results(tmp_path))


def test_the_page_holds_claim_verdict_numbers_of_every_seed_and_how_to_do_it_again(found):
    page = to_html(found, "laptop")
    for text in (
        "With it there is less error.",
        "confirmed",
        "-1 point",
        "21.00, 22.00, 20.00",
        "21.00 ± 1.00",
        "-10 points (95 %: -10 .. -10), 3 seeds",
        "only &lt;planted&gt; &amp; small",
        "rendered pictures, 50 training images",
        "commit 0123456789",
        "alexnet experiment run planted --budget laptop",
        "alexnet experiment rerun ",
    ):
        assert text in page, text


def test_the_page_is_whole_and_loads_nothing(found):
    page = to_html(found, "laptop")
    open_tags, void = [], {"meta", "br", "img", "link", "path", "use", "rect"}

    class Nesting(HTMLParser):
        def handle_starttag(self, tag, attributes):
            for name, value in attributes:
                assert name not in ("src", "href") or value.startswith(("#", "data:image/png")) or not value
                assert not name.startswith("on")
            if tag not in void:
                open_tags.append(tag)

        def handle_endtag(self, tag):
            if tag not in void:
                assert open_tags.pop() == tag

    Nesting().feed(page)
    assert open_tags == []
    assert "url(http" not in page and "@import" not in page and "<script" not in page
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(names)


def test_markdown_says_the_same_and_its_pictures_are_there(found):
    text = to_markdown(found, "laptop", "report")
    assert "| less error with it | confirmed | -10 points (95 %: -10 .. -10), 3 seeds | -1 point |" in text
    named = set(re.findall(r"\]\(report/([^)]+)\)", text))
    assert named == set(files(found)) == {"planted-arms.svg", "planted-curves.svg"}


def test_a_report_is_the_same_for_the_same_results(found):
    assert to_html(found, "laptop") == to_html(found, "laptop")


def test_pictures_of_imagenet_are_not_passed_on(tmp_path):
    asked, results = experiment(pictures=("panels.png",)), Results(tmp_path)
    for data, kept in (("demo", True), ("tiny-imagenet-40", False)):
        base = Base(recipe="alexnet-small", data=data)
        one = replace(asked, budgets={"laptop": Budget(base=base)})
        for arm in ("with", "without"):
            part = plan(one, "laptop", results).parts[arm][0]
            told = record(0.2) | {"data": {"name": data, "trained_on": 1}}
            results.add(part, told, {"panels.png": b"\x89PNG"})
        (section,) = sections([one], "laptop", results)
        assert bool(section.pictures) == kept


def test_layers_are_drawn_in_order_and_a_gradient_of_nothing_is_left_out(tmp_path):
    asked = experiment(
        profiles=(("gradients.start", "gradients at the start"), ("gradients.end", "never measured"))
    )
    results = Results(tmp_path)
    for arm, first in (("with", 1e-3), ("without", 0.0)):
        part = plan(asked, "laptop", results).parts[arm][0]
        told = record(0.2)
        told["measures"]["gradients"] = {"start": {"conv1": first, "fc8": 0.5, "first_to_last": 9.0}}
        results.add(part, told, {})
    (section,) = sections([asked], "laptop", results)
    drawn = section.drawings["planted-gradients-start"]
    assert "planted-gradients-end" not in section.drawings
    assert 0 < drawn.index(">conv1<") < drawn.index(">fc8<") and "first_to_last" not in drawn


def test_published_crossings_are_marked_where_the_curves_are(tmp_path):
    asked, results = experiment(line=0.25), Results(tmp_path)
    plant(results, asked, {"with": {0: 0.2}, "without": {0: 0.3}})
    plain, marked = (
        sections([one], "laptop", results)[0].drawings["planted-curves"]
        for one in (asked, replace(asked, crossings=(("with", 5.5),)))
    )
    assert "published" in marked and "published" not in plain


def test_a_number_that_is_the_same_in_every_seed_is_said_once():
    assert (mean_and_spread("weights", [715978.0] * 3), each("weights", [715978.0] * 3)) == ("715,978", "all 3")
    assert (mean_and_spread("weights", [1.0, 3.0]), each("weights", [1.0, 3.0])) == ("2 ± 1.41", "1, 3")
    assert (mean_and_spread("weights", [2.0]), each("weights", [2.0])) == ("2", "2")
    assert (mean_and_spread("weights", []), each("weights", [])) == ("–", "")


def test_what_was_never_reached_is_shown_as_a_lower_bound():
    assert mean_and_spread("epochs", [32.0] * 3, [True] * 3) == "> 32"
    assert each("epochs", [32.0] * 3, [True] * 3) == "all 3"
    assert each("epochs", [28.0, 32.0], [False, True]) == "28, > 32"
    assert mean_and_spread("epochs", [28.0, 32.0], [False, True]) == "> 30 ± 2.83"
