"""What an evaluation says in words: only what stands out."""

import math

import numpy as np
import pytest

from alexnet.evaluation.advice import advice
from alexnet.evaluation.evaluate import Evaluation


def evaluation(confusion, loss=0.1):
    counts = np.array(confusion)
    return Evaluation(counts, np.zeros(len(counts), np.int64), loss)


def test_nothing_is_said_of_a_good_network():
    assert advice(evaluation([[5, 0], [1, 4]]), ["a", "b"]) == []
    assert advice(evaluation([[5, 0], [0, 0]]), ["a", "b"]) == [], (
        "a class without pictures need not be predicted"
    )


def test_classes_that_are_never_predicted_are_named():
    (said,) = advice(evaluation([[5, 0, 0], [2, 0, 0], [1, 0, 3]]), ["a", "b", "c"])
    assert said.startswith("never predicted: b; ")
    many = np.zeros((9, 9), int)
    many[:, 0] = 1
    assert (
        "class1, class2, class3, class4, class5 and 3 more"
        in advice(evaluation(many), [f"class{k}" for k in range(9)])[0]
    )


@pytest.mark.parametrize(
    ("loss", "told"), [(math.log(4), True), (math.log(4) * 1.01, True), (1.2, False), (2.0, False)]
)
def test_a_uniform_guess_is_told(loss, told):
    said = advice(evaluation(np.full((4, 4), 2), loss), list("abcd"))
    assert any("it guesses" in sentence for sentence in said) == told


def test_pictures_that_were_trained_on_are_told():
    (said,) = advice(evaluation([[5, 0], [1, 4]]), ["a", "b"], in_training=1200)
    assert said.startswith("1,200 of these pictures are in the training split too")
