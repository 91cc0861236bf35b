"""Kernels, confusion matrices, contact sheets and views: pixel by pixel where it can be known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alexnet.core.errors import DataError
from alexnet.pictures import style
from alexnet.pictures.confusion import colored, draw_confusion, most_confused, row_shares
from alexnet.pictures.kernels import draw_kernels, unit_scale
from alexnet.pictures.lettering import chart_text, font, readable, tile_text
from alexnet.pictures.sheet import caption_lines, draw_contact_sheet
from alexnet.pictures.views import draw_views, visible

# Kernels


def test_kernels_of_a_tower_share_one_scale_and_towers_have_their_own(out, pixels):
    weight = np.zeros((4, 3, 1, 1))
    weight[0, :, 0, 0] = [-1.0, 0.0, 1.0]
    weight[1] = 0.5
    weight[2, :, 0, 0] = [10.0, 20.0, 30.0]
    weight[3] = 10.0
    draw_kernels(weight, out, towers=2, title="")
    shown = pixels(out)
    first, second, step = style.MARGIN, style.MARGIN + 88 + 3 * 88, 2 * 88
    assert tuple(shown[first, style.MARGIN]) == (0, 128, 255)
    assert tuple(shown[first + 87, style.MARGIN + step + 87]) == (191, 191, 191)
    assert tuple(shown[second, style.MARGIN]) == (0, 128, 255)
    assert tuple(shown[second, style.MARGIN + step]) == (0, 0, 0)


def test_ninety_six_kernels_of_two_towers_stand_in_six_rows_of_sixteen(out, pixels):
    draw_kernels(np.ones((96, 3, 11, 11)) * np.arange(96).reshape(-1, 1, 1, 1) % 2, out, towers=2, title="")
    shown = pixels(out)[style.MARGIN : -style.MARGIN, style.MARGIN : -style.MARGIN]
    white = (shown == 255).all(axis=2)
    factor = shown.shape[1] // (16 * 12 - 1)
    assert shown.shape[:2] == (2 * 35 * factor + 3 * factor, (16 * 12 - 1) * factor)
    assert white[35 * factor : 38 * factor].all()
    assert not white[:, :1].all()
    assert white[11 * factor : 12 * factor].all() and not white[12 * factor].all()


def test_each_scales_every_kernel_to_the_full_range():
    weight = np.random.default_rng(0).normal(size=(5, 3, 4, 4)) * np.arange(1, 6).reshape(-1, 1, 1, 1)
    each, joint = unit_scale(weight, "each"), unit_scale(weight, "joint")
    assert (each.min(axis=(1, 2, 3)) == 0).all() and (each.max(axis=(1, 2, 3)) == 1).all()
    assert (joint.min(), joint.max()) == (0, 1) and joint[0].max() < 0.9


def test_weights_that_are_not_finite_or_all_equal_are_still_drawn(out):
    weight = np.ones((3, 3, 2, 2))
    weight[0] = np.nan
    weight[1, 0, 0, 0] = np.inf
    for scale in ("joint", "each"):
        assert (unit_scale(weight, scale) == 0).all()
    weight[2, 0, 0, 0] = -3
    assert (unit_scale(weight, "joint")[~np.isfinite(weight)] == 0).all()
    draw_kernels(weight, out, title="diverged")
    assert out.is_file()


def test_gray_kernels_are_gray_and_deep_kernels_show_one_row_each(out, pixels):
    draw_kernels(np.arange(24.0).reshape(6, 1, 2, 2), out, title="")
    gray = pixels(out)
    assert (gray[..., 0] == gray[..., 2]).all()
    assert gray.shape[1] > 6 * gray[style.MARGIN : -style.MARGIN].shape[0]
    assert tuple(gray[style.MARGIN, style.MARGIN]) == (0, 0, 0)
    draw_kernels(np.arange(40.0).reshape(2, 20, 1, 1), out, per_row=16, title="")
    deep = pixels(out)[style.MARGIN : -style.MARGIN, style.MARGIN : -style.MARGIN]
    factor = deep.shape[1] // 31
    assert deep.shape[0] == 3 * factor
    assert tuple(deep[0, 30 * factor]) == (round(255 * 15 / 39),) * 3
    assert tuple(deep[2 * factor, 0]) == (round(255 * 20 / 39),) * 3


# Confusion


def test_shares_of_a_row_add_up_to_one_and_an_empty_row_is_unknown():
    shares = row_shares(np.array([[3, 1], [0, 0]]))
    assert shares[0].tolist() == [0.75, 0.25] and np.isnan(shares[1]).all()


def test_correct_answers_are_blue_mistakes_rust_and_unknown_rows_gray():
    right, wrong = colored(np.array([[1.0, 0.0], [0.3, 0.7]]))[[0, 1], [0, 0]]
    assert right[2] > right[0] and wrong[0] > wrong[2]
    assert (colored(np.array([[1.0, 0.0], [0.0, 1.0]]))[0, 1] == 1).all()
    assert len({tuple(color) for color in colored(np.full((2, 2), np.nan)).reshape(-1, 3)}) == 1


def test_the_classes_with_most_mistakes_are_chosen_in_class_order():
    counts = np.diag([50, 50, 50, 50])
    counts[3, 1] = 9
    counts[0, 2] = 1
    assert most_confused(counts, 2).tolist() == [1, 3]


def test_few_classes_have_their_shares_written(figures, out, words):
    draw_confusion(np.array([[3, 1], [0, 4]]), ["yes", "no"], out, title="t")
    assert words(figures[0]) == ["75.0", "25.0", "100.0"]
    assert "Error over all 8 pictures: 12.5 %." in figures[0]._supxlabel.get_text()


def test_of_many_classes_thirty_are_shown_by_name(figures, out, words):
    counts = np.diag(np.full(60, 10))
    counts[59, 58] = 5
    names = [f"class {i}, of many words and synonyms" for i in range(60)]
    draw_confusion(counts, names, out, title="t")
    labels = [label.get_text() for label in figures[0].axes[0].get_yticklabels()]
    assert len(labels) == 30 and labels[-2:] == ["class 58", "class 59"] and words(figures[0]) == []
    assert "30 of 60 classes" in figures[0]._supxlabel.get_text()


@pytest.mark.parametrize("count", [1, 3, 16, 41])
def test_names_in_any_script_and_classes_without_pictures_are_drawn(count, out):
    names = ["$\\frac$", "강아지", "x" * 300, *map(str, range(count))][:count]
    draw_confusion(np.zeros((count, count), int), names, out, title="고양이 $")
    assert out.is_file()


def test_names_must_match_the_matrix(out):
    with pytest.raises(ValueError, match="3 names"):
        draw_confusion(np.zeros((2, 2), int), list("abc"), out, title="")


# Contact sheets and text


def test_small_pictures_show_their_pixels_above_their_caption(out, pixels):
    picture = np.arange(32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8)
    draw_contact_sheet([picture] * 3, ["a", "b", "c"], out, columns=2, tile=96)
    shown = pixels(out)
    whole = np.kron(picture, np.ones((3, 3, 1), np.uint8))
    for x, y in ((0, 0), (96 + 12, 0), (0, 96 + 12 + 17)):
        y, x = style.MARGIN + y, style.MARGIN + x
        assert (shown[y : y + 96, x : x + 96] == whole).all()
    assert (shown[style.MARGIN + 96 : style.MARGIN + 96 + 15, style.MARGIN : style.MARGIN + 96] < 128).any()


def test_pictures_of_any_shape_keep_their_aspect_inside_the_tile(out, pixels):
    wide, gray = np.zeros((50, 400, 3), np.uint8), np.zeros((300, 300, 1), np.uint8)
    draw_contact_sheet([wide, gray], ["", ""], out, tile=100)
    dark = (pixels(out) < 128).all(axis=2)
    assert dark[:, : style.MARGIN + 106].sum() == pytest.approx(100 * 12.5, rel=0.05)
    assert dark[:, style.MARGIN + 106 :].sum() == 100 * 100


def test_a_sheet_of_real_pictures_with_korean_names_is_drawn(test_data, out, pixels):
    files = sorted((test_data / "imagenet-photos").glob("*.JPEG"))[:5]
    images = []
    for file in files:
        with Image.open(file) as image:
            images.append(np.asarray(image.convert("RGB")))
    draw_contact_sheet(images, ["강아지", "café", "漢字", "a\nb", "잉어 " * 20], out, columns=3, title="사진")
    assert pixels(out).shape[1] == 3 * 112 + 2 * 12 + 2 * style.MARGIN


def test_a_sheet_without_pictures_is_refused(out):
    with pytest.raises(DataError, match="no pictures"):
        draw_contact_sheet([], [], out)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("강아지", "gangaji"),
        ("\u1100\u1161\u11bc", "gang"),
        ("ラーメン", "ra-men"),
        ("naïve café → Łódź", "naive cafe -> Lodz"),
        ("漢", "?"),
        ("q\u0301", "q"),
        ("a\tb", "a\\tb"),
    ],
)
def test_what_the_tile_font_lacks_is_spelled_out(text, shown):
    assert tile_text(text) == shown


def test_the_chart_font_keeps_more_letters_than_the_tile_font():
    assert chart_text("café Жук 강") == "café Жук gang"


@given(st.text())
def test_readable_text_holds_only_letters_the_font_has(text):
    shown = readable(text, lambda character: character.isascii() and character.isprintable())
    assert shown.isascii() and (shown.isprintable() or not shown)


@given(st.text(st.characters(max_codepoint=0x2FFF)), st.integers(20, 150))
def test_captions_fit_two_lines_of_the_tile(caption, width):
    lines = caption_lines(caption, width)
    assert 1 <= len(lines) <= 2
    assert all(font(13).getlength(line) <= width for line in lines)


def test_captions_break_between_words():
    assert caption_lines("golden retriever dog", 112) == ["golden retriever", "dog"]
    assert caption_lines("n01440764_tench.JPEG", 112) == ["n01440764_", "tench.JPEG"]


# Views


def test_views_are_shown_with_the_mean_added_back_and_clipped():
    views = np.array([0.4, 300.0, -300.0, np.nan], np.float32).reshape(1, 4, 1, 1, 1)
    assert visible(views, np.float32(100)).ravel().tolist() == [100, 255, 0, 0]


def test_each_row_holds_a_picture_and_its_views_at_one_scale(out, pixels):
    originals = np.stack([np.full((32, 32, 3), 10 * i, np.uint8) for i in range(8)])
    mean = np.full((24, 24, 3), 50, np.float32)
    views = np.stack([np.full((2, 24, 24, 3), 10.0 * i - 49) for i in range(8)]).astype(np.float32)
    draw_views(originals, views, out, mean=mean)
    shown = pixels(out)
    for i in range(8):
        assert (shown == 10 * i).all(axis=2).sum() == (4 * 32) ** 2
        assert (shown == 10 * i + 1).all(axis=2).sum() == 2 * (4 * 24) ** 2


def test_large_pictures_are_reduced_to_the_page(out, pixels):
    originals, views = np.zeros((2, 256, 256, 3), np.uint8), np.zeros((2, 6, 227, 227, 3), np.float32)
    draw_views(originals, views, out, mean=np.zeros(3, np.float32))
    assert 1000 < pixels(out).shape[1] < 1200
    with pytest.raises(DataError, match="no pictures"):
        draw_views(originals[:0], views[:0], out, mean=np.zeros(3, np.float32))
