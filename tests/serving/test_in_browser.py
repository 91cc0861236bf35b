"""The page in Chromium: a picture is chosen, guesses appear, hostile names stay text."""

import pytest
from browser import Browser, find
from small_runs import draw_pictures
from test_server import NAMES, Server, trained  # noqa: F401

pytestmark = pytest.mark.skipif(
    find() is None, reason="NO CHROMIUM: the page is not looked at; apt-get install chromium"
)


def test_a_person_sees_guesses_neighbors_and_kernels_and_nothing_runs_that_should_not(trained, tmp_path):  # noqa: F811
    server = Server(trained, "--neighbors")
    picture = draw_pictures(tmp_path / "own", ("own",), count=1) / "own" / "0.png"
    hostile = picture.rename(picture.with_name("<script>alert(1)<script>.png"))
    page = Browser(tmp_path / "profile")
    try:
        page.open(server.address)
        page.wait_for("document.querySelector('#model') && document.querySelector('#model').textContent")
        assert page.evaluate("document.querySelector('#model').textContent") == "cifar10_18pct, 3 classes"
        page.choose_file("#file", hostile)
        page.wait_for("document.querySelectorAll('#guesses li').length == 3")
        page.wait_for(
            "[...document.querySelectorAll('#neighbors img')].filter(i => i.naturalWidth).length == 6"
        )
        shown = page.evaluate(
            "[...document.querySelectorAll('#guesses span:nth-child(2)')].map(s => s.textContent)"
        )
        assert set(shown) == set(NAMES)
        page.evaluate("document.querySelector('#first').open = true")
        page.wait_for("document.querySelector('#kernels').naturalWidth > 100")
        broken = tmp_path / "broken.png"
        broken.write_bytes(b"no picture")
        page.choose_file("#file", broken)
        page.wait_for("document.querySelector('#said').textContent == 'This is no picture.'")
        assert page.evaluate("document.querySelectorAll('#guesses li').length") == 0
        assert page.evaluate("document.querySelectorAll('main script, main [onerror]').length") == 0
        assert page.picture()[:4] == b"\x89PNG"
        assert [said for said in page.said if "422" not in said] == []
    finally:
        page.close()
        assert server.stop()[0] == 0
