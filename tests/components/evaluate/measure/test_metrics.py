from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from components.evaluate.measure.answers import Answers
from components.evaluate.measure.counts import CANDIDATE, tally_batch
from components.evaluate.measure.intervals import mean_interval
from components.evaluate.measure.metrics import describe, describe_calibration

NAMES = ("a", "b", "c")


def counted(labels: np.ndarray, probabilities: np.ndarray) -> Answers:
    places = np.arange(len(labels))
    return tally_batch(np.asarray(labels), places, {CANDIDATE: probabilities}).models[CANDIDATE]


def shares(seed: int, images: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, images)
    logits = 3 * random.normal(size=(images, 3))
    answers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return labels, (answers / answers.sum(axis=1, keepdims=True)).astype(np.float32)


@given(
    labels=hnp.arrays(np.int64, 12, elements=st.integers(0, 2)),
    answers=hnp.arrays(
        np.float64, (12, 3), elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 2.0, np.nan])
    ),
)
def test_metrics_are_a_loop_over_images(labels: np.ndarray, answers: np.ndarray) -> None:
    """Ties, sums other than 1, and answers that are no numbers among them."""
    sound = [bool(np.isfinite(row).all()) for row in answers]
    # The prediction is the first of the greatest.
    said = [
        max(range(3), key=lambda c: (row[c], -c)) if is_sound else None
        for row, is_sound in zip(answers, sound, strict=True)
    ]
    found = describe(counted(labels, answers), NAMES, 0.95)
    right = [s == label for s, label in zip(said, labels, strict=True)]
    assert found["overall"]["accuracy"] == sum(right) / 12
    top_2 = 0
    for label, row, is_sound in zip(labels, answers, sound, strict=True):
        order = sorted(range(3), key=lambda c: (-row[c], c)) if is_sound else []
        top_2 += label in order[:2]
    assert found["overall"]["top_k"]["2"] == top_2 / 12
    for label, name in enumerate(NAMES):
        mine = found["classes"][name]
        images = [i for i in range(12) if labels[i] == label]
        of_it = [i for i in range(12) if said[i] == label]
        both = len(set(images) & set(of_it))
        assert (mine["examples"], mine["predicted"]) == (len(images), len(of_it))
        assert mine["recall"] == (both / len(images) if images else None)
        assert mine["precision"] == (both / len(of_it) if of_it else None)
        either = len(images) + len(of_it)
        assert mine["f1"] == (2 * both / either if either else None)
        losses = [-math.log(min(max(answers[i, label], 1e-7), 1)) for i in images]
        if not losses or any(math.isnan(loss) for loss in losses):
            assert mine["loss"] is None
        else:
            assert mine["loss"] == pytest.approx(sum(losses) / len(losses))


def test_the_loss_is_keras_s() -> None:
    import keras

    labels, answers = shares(1, 200)
    answers[:5] = np.eye(3)[[0, 1, 2, 0, 1]]  # as sure as can be, and wrong too
    found = describe(counted(labels, answers), NAMES, 0.95)["overall"]
    losses = np.asarray(keras.losses.sparse_categorical_crossentropy(labels, answers))
    assert found["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    wanted = mean_interval(losses.sum(), (losses.astype(float) ** 2).sum(), 200, 0.95)
    assert found["loss_interval"] == pytest.approx(wanted, rel=1e-4)


@given(seed=st.integers(0, 50), images=st.integers(6, 60))
def test_auc_is_the_share_of_pairs_in_the_right_order(seed: int, images: int) -> None:
    labels, answers = shares(seed, images)
    answers = np.round(answers, 1)  # many ties, and nothing that shares a bin but those
    found = describe(counted(labels, answers), NAMES, 0.95)["classes"]
    for label, name in enumerate(NAMES):
        own, others = (answers[labels == label, label], answers[labels != label, label])
        pairs = [
            1.0 if x > y else 0.5 if x == y else 0.0 for x, y in itertools.product(own, others)
        ]
        wanted = sum(pairs) / len(pairs) if pairs else None
        assert found[name]["auc"] == (pytest.approx(wanted) if pairs else None)


@pytest.mark.parametrize(("score", "auc"), [(0.99, 1.0), (1 / 3, 0.5), (0.001, 0.0)])
def test_auc_of_the_perfect_the_constant_and_the_reversed(score: float, auc: float) -> None:
    labels = np.arange(30) % 3
    answers = np.full((30, 3), (1 - score) / 2)
    answers[np.arange(30), labels] = score
    found = describe(counted(labels, answers), NAMES, 0.95)
    assert found["overall"]["auc"] == auc


def test_images_of_one_class_have_no_auc() -> None:
    """As of a slice of few images: 0.0 would say that every answer is in the wrong order."""
    labels, answers = shares(2, 9)
    found = describe(counted(np.zeros_like(labels), answers), NAMES, 0.95)
    assert found["overall"]["auc"] is None
    assert found["overall"]["recall"] == found["classes"]["a"]["recall"]


def test_without_images_there_are_no_numbers() -> None:
    nothing = describe(counted(np.zeros(0, np.int64), np.zeros((0, 3))), NAMES, 0.95)
    assert nothing["overall"].pop("examples") == 0
    assert nothing["overall"].pop("top_k") == {}
    assert set(nothing["overall"].values()) == {None}
    labels, answers = shares(2, 40)
    some = describe(counted(np.minimum(labels, 1), answers), NAMES, 0.95)
    assert some["classes"]["c"]["recall"] is None
    assert some["classes"]["c"]["precision"] == 0.0
    # A mean over the classes that there are.
    recalls = [some["classes"][name]["recall"] for name in "ab"]
    assert some["overall"]["recall"] == pytest.approx(sum(recalls) / 2)


def test_a_class_that_is_never_predicted_counts_as_0_in_the_mean_over_classes() -> None:
    said = np.eye(3)[[0, 1, 1]]  # the image of class 2 is taken for one of class 1
    found = describe(counted(np.arange(3), said), NAMES, 0.95)
    assert [found["classes"][name]["precision"] for name in NAMES] == [1.0, 0.5, None]
    assert found["overall"]["precision"] == pytest.approx((1.0 + 0.5 + 0.0) / 3)
    assert found["overall"]["f1"] == pytest.approx((1.0 + 2 / 3 + 0.0) / 3)


def test_two_classes_have_no_top_2() -> None:
    found = describe(counted(np.array([0, 1]), np.eye(2)), ("a", "b"), 0.95)
    assert found["overall"]["top_k"] == {}


@given(seed=st.integers(0, 50))
def test_calibration_is_between_0_and_1_and_holds_every_image(seed: int) -> None:
    labels, answers = shares(seed, 80)
    answers[:3] = [[1, 0, 0], [1 / 15, 14 / 15, 0], [2 / 15, 13 / 15, 0]]  # on the bins' edges
    found = counted(labels, answers)
    bins = describe_calibration(found)
    assert sum(one["examples"] for one in bins) == 80
    assert [one["low"] for one in bins[1:]] == [one["high"] for one in bins[:-1]]
    for one in bins:
        if one["examples"]:
            assert one["low"] - 1e-6 <= one["confidence"] <= one["high"] + 1e-6
    assert 0 <= describe(found, NAMES, 0.95)["overall"]["ece"] <= 1
