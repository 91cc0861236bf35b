"""Predictions: the same for a picture in any form, and one line for a picture that is none."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet.core.errors import DataError
from alexnet.core.keys import Key
from alexnet.data.decode import decode
from alexnet.data.prepare import prepare
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.input import InputSpec
from alexnet.evaluation.predict import Prediction, load_pixels, picture_files, predict
from alexnet.nets.initialize import initialize
from alexnet.nets.network import Network
from alexnet.nets.rows import Conv, Linear
from alexnet.nets.tables import NetSpec

CLASSES = 6


def spec(channels=3, **changes):
    values = {
        "size": 16, "crop": 12, "channels": channels, "filter": "bilinear", "exif_rotate": True, "scale": 0.01,
        "mean": np.full((12, 12, channels), 100, np.float32),
    }  # fmt: skip
    return InputSpec(**values | changes)


def classifier(seed=0, channels=3, **changes):
    net_spec = NetSpec(
        name="small",
        table=(Conv("conv1", 4, kernel=5, std=0.3), Linear("fc2", None, std=0.3)),
        input_shape=(channels, 12, 12),
        num_classes=CLASSES,
        source="",
    )
    net = Network(net_spec, CLASSES)
    initialize(net, net.table, Key.from_seed(seed))
    ids, names = [f"n{i}" for i in range(CLASSES)], [f"class {i}" for i in range(CLASSES)]
    return ViewClassifier(net, spec(channels, **changes), ids, names)


def picture(seed=0, height=20, width=30):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def forms(image, path):
    """One picture as a path, text, bytes, a buffer, a PIL picture and an array."""
    data = encoded(image)
    path.write_bytes(data)
    return [
        path,
        str(path),
        data,
        bytearray(data),
        memoryview(data),
        image,
        Image.open(io.BytesIO(data)),
        np.asarray(image),
    ]


def values(prediction):
    return prediction.classes, prediction.class_names, prediction.probabilities


def test_a_picture_is_predicted_alike_in_every_form(tmp_path):
    predictions = list(predict([classifier()], forms(picture(), tmp_path / "cat.png"), num_views=10))
    assert len({values(p) for p in predictions}) == 1
    assert [p.name for p in predictions[:4]] == [str(tmp_path / "cat.png")] * 2 + ["picture 2", "picture 3"]


MODES = {
    "gray": lambda: picture().convert("L"),
    "palette": lambda: picture().quantize(16),
    "one bit": lambda: picture().convert("1"),
    "gray with alpha": lambda: with_alpha("LA"),
    "alpha": lambda: with_alpha("RGBA"),
    "palette with a transparent color": lambda: transparent_palette(),
    "sixteen bits": lambda: Image.fromarray(
        (np.asarray(picture().convert("L")).astype(np.uint16) * 257) // 2 + 7
    ),
}


def with_alpha(mode):
    image = picture().convert(mode)
    image.putalpha(Image.fromarray(np.linspace(0, 255, 600).astype(np.uint8).reshape(20, 30)))
    return image


def transparent_palette():
    image = picture().quantize(16)
    image.info["transparency"] = 3
    return image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", sorted(MODES))
def test_a_pil_picture_of_any_mode_is_its_file(mode, channels):
    image = MODES[mode]()
    expected = load_pixels(encoded(image), spec(channels))
    assert expected.shape == (16, 16, channels) and expected.std() > 0
    assert np.array_equal(load_pixels(image, spec(channels)), expected)


@pytest.mark.parametrize("obeyed", [True, False])
def test_a_pil_picture_keeps_its_cameras_orientation(obeyed):
    image = picture()
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(image, "JPEG", quality=95, exif=exif)
    expected = load_pixels(data, spec(exif_rotate=obeyed))
    turned, plain = (load_pixels(data, spec(exif_rotate=flag)) for flag in (True, False))
    assert not np.array_equal(turned, plain)
    assert np.array_equal(load_pixels(Image.open(io.BytesIO(data)), spec(exif_rotate=obeyed)), expected)


def test_pixels_are_prepared_as_packing_prepares_them():
    data = encoded(picture(), "JPEG", quality=90)
    for name in ("bilinear", "area"):
        expected = prepare(decode(data, channels=3, exif_rotate=True).pixels, 16, name)
        assert np.array_equal(load_pixels(data, spec(filter=name)), expected)


def test_gray_arrays_have_one_or_no_channel():
    gray = np.asarray(picture().convert("L"))
    expected = load_pixels(encoded(Image.fromarray(gray)), spec(1))
    assert np.array_equal(load_pixels(gray, spec(1)), expected)
    assert np.array_equal(load_pixels(gray[:, :, None], spec(1)), expected)
    assert np.array_equal(load_pixels(gray, spec(3)), np.repeat(expected, 3, 2))


def test_a_color_array_is_made_gray_as_a_file_is():
    array = np.asarray(picture())
    assert np.array_equal(load_pixels(array, spec(1)), load_pixels(encoded(picture()), spec(1)))


def test_arrays_may_lie_in_memory_in_any_way_and_may_be_read_only():
    array = np.asarray(picture())
    expected = load_pixels(array.copy(), spec())
    assert not array.flags.writeable
    assert np.array_equal(load_pixels(np.asfortranarray(array), spec()), expected)
    assert np.array_equal(load_pixels(array[::-1, ::-1], spec()), load_pixels(array[::-1, ::-1].copy(), spec()))
    (prediction,) = predict([classifier()], [array])
    assert prediction.name == "picture 0"


# --- answers


def test_the_best_classes_come_first():
    made = classifier()
    (prediction,) = predict([made], [picture()], k=3, num_views=5)
    probabilities = made.probabilities(load_pixels(picture(), made.input)[None], 5)[0]
    order = probabilities.argsort(descending=True).tolist()[:3]
    assert prediction == Prediction(
        "picture 0",
        tuple(f"n{i}" for i in order),
        tuple(f"class {i}" for i in order),
        tuple(probabilities[order].tolist()),
    )


@pytest.mark.parametrize(("k", "count"), [(1, 1), (5, 5), (6, 6), (50, 6)])
def test_there_are_no_more_answers_than_classes(k, count):
    (prediction,) = predict([classifier()], [picture()], k=k)
    assert len(prediction.classes) == len(prediction.class_names) == len(prediction.probabilities) == count


def test_several_networks_average_their_probabilities_each_with_its_own_input():
    first, second = classifier(0), classifier(1, filter="area", scale=0.02)
    (prediction,) = predict([first, second], [picture()], k=CLASSES)
    each = [c.probabilities(load_pixels(picture(), c.input)[None], 1)[0] for c in (first, second)]
    expected = (each[0] + each[1]) / 2
    assert dict(zip(prediction.classes, prediction.probabilities, strict=True)) == pytest.approx(
        {f"n{i}": float(p) for i, p in enumerate(expected)}
    )
    assert not torch.allclose(each[0], each[1], atol=1e-3)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 32])
def test_the_batch_size_changes_no_answer_and_no_order(batch_size):
    pictures = [picture(seed) for seed in range(7)]
    expected = [next(predict([classifier()], [p], num_views=5)) for p in pictures]
    got = list(predict([classifier()], iter(pictures), num_views=5, batch_size=batch_size))
    assert [p.name for p in got] == [f"picture {n}" for n in range(7)]
    for a, b in zip(got, expected, strict=True):
        assert a.classes == b.classes and a.probabilities == pytest.approx(b.probabilities, rel=1e-4)


def test_pictures_are_asked_for_a_batch_at_a_time():
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield picture()

    answers = predict([classifier()], endless(), batch_size=4)
    for _ in range(5):
        next(answers)
    assert len(asked) == 8


def test_pairs_name_their_picture():
    (prediction,) = predict([classifier()], [("the cat", encoded(picture()))])
    assert prediction.name == "the cat"


# --- pictures that are none


def refusal(pictures):
    with pytest.raises(DataError) as caught:
        list(predict([classifier()], pictures))
    line = str(caught.value)
    assert "\n" not in line and "None" not in line
    return line


def test_a_missing_file_is_named(tmp_path):
    assert (
        refusal([tmp_path / "cat.png"])
        == f"{tmp_path / 'cat.png'}: cannot be read (No such file or directory); check the path"
    )


def test_a_folder_is_no_picture(tmp_path):
    assert refusal([tmp_path]).startswith(f"{tmp_path}: cannot be read (Is a directory)")


@pytest.mark.parametrize(
    "content", [b"", b"no picture", encoded(picture())[:200], encoded(picture(), "JPEG")[:300]]
)
def test_bytes_that_are_no_picture_are_named(content, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    assert refusal([picture(), path]).startswith(f"{path}: ")
    assert refusal([picture(), picture(), content]).startswith("picture 2: ")


def test_a_pil_picture_that_cannot_be_loaded_is_named():
    image = Image.open(io.BytesIO(encoded(picture(), "JPEG")[:-200]))
    assert refusal([("cut", image)]).startswith("cut: ")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros(4, np.uint8), None, 3, [1, 2],
    ],
    ids=str,
)  # fmt: skip
def test_arrays_that_are_no_picture_are_refused_with_what_would_be(array):
    line = refusal([array])
    assert line.startswith("picture 0: is an array (")
    assert line.endswith("give uint8 (H, W), (H, W, 1) or (H, W, 3)")


# --- files and folders


def test_folders_give_their_pictures_in_order(tmp_path):
    for name in ("b.JPG", "a.png", "sub/c.webp", "notes.txt", "sub/d.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    names = ["a.png", "b.JPG", "sub/c.webp", "sub/d.jpeg"]
    assert list(picture_files([tmp_path])) == [tmp_path / n for n in names]
    assert list(picture_files([str(tmp_path / "notes.txt"), tmp_path / "sub"])) == [
        tmp_path / n for n in ("notes.txt", "sub/c.webp", "sub/d.jpeg")
    ]


def test_an_empty_folder_and_a_missing_path_are_named(tmp_path):
    with pytest.raises(DataError, match=r"holds no pictures; looked for \.jpg"):
        list(picture_files([tmp_path]))
    with pytest.raises(DataError, match="nowhere: does not exist; check the path"):
        list(picture_files([tmp_path / "nowhere"]))
