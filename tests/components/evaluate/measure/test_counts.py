from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from components.evaluate.measure.answers import BINS, RANKS
from components.evaluate.measure.cells import fill_table
from components.evaluate.measure.counts import BASELINE, CANDIDATE, KEPT, Tally, tally_batch
from components.evaluate.measure.metrics import describe, describe_calibration

NAMES = ("a", "b", "c", "d")


def made(
    seed: int, images: int = 300, classes: int = 4
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    answers = {}
    for name in (CANDIDATE, BASELINE):
        logits = random.normal(size=(images, classes)) + 2 * np.eye(classes)[labels]
        shares = np.exp(logits)
        answers[name] = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    return labels, answers


def counted(labels: np.ndarray, answers: dict[str, np.ndarray], start: int = 0) -> Tally:
    return tally_batch(labels, np.arange(start, start + len(labels)), answers)


def test_metrics_are_scikit_learns():
    labels, answers = made(0)
    probabilities = answers[CANDIDATE].astype(float)
    predicted = probabilities.argmax(axis=1)
    found = describe(counted(labels, answers).models[CANDIDATE], NAMES, 0.95)
    overall = found["overall"]
    assert overall["examples"] == 300
    assert overall["accuracy"] == sk.accuracy_score(labels, predicted)
    sums = probabilities.sum(axis=1, keepdims=True)
    assert overall["loss"] == pytest.approx(sk.log_loss(labels, probabilities / sums), rel=1e-6)
    for k in (2, 3):
        wanted = sk.top_k_accuracy_score(labels, probabilities, k=k)
        assert overall["top_k"][str(k)] == pytest.approx(wanted)
    precision, recall, f1, number = sk.precision_recall_fscore_support(labels, predicted)
    for label, name in enumerate(NAMES):
        of_class = found["classes"][name]
        assert of_class["examples"] == number[label]
        assert of_class["precision"] == pytest.approx(precision[label])
        assert of_class["recall"] == pytest.approx(recall[label])
        assert of_class["f1"] == pytest.approx(f1[label])
        auc = sk.roc_auc_score(labels == label, probabilities[:, label])
        assert of_class["auc"] == pytest.approx(auc, abs=2e-3)  # scores are counted in bins
    assert overall["f1"] == pytest.approx(f1.mean())
    cells = counted(labels, answers).models[CANDIDATE].confusion
    assert np.array_equal(fill_table(cells, 4, 4), sk.confusion_matrix(labels, predicted))


def test_calibration_is_a_naive_loops():
    labels, answers = made(1)
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for label, probabilities in zip(labels, answers[CANDIDATE].astype(float), strict=True):
        confidence = probabilities.max()
        place = min(max(math.ceil(confidence * BINS) - 1, 0), BINS - 1)
        bins[place].append((confidence, probabilities.argmax() == label))
    found = counted(labels, answers).models[CANDIDATE]
    wanted = sum(abs(sum(r for _, r in b) - sum(c for c, _ in b)) for b in bins) / len(labels)
    assert describe(found, NAMES, 0.95)["overall"]["ece"] == pytest.approx(wanted)
    for seen, one in zip(describe_calibration(found), bins, strict=True):
        assert seen["examples"] == len(one)
        if one:
            assert seen["accuracy"] == pytest.approx(sum(r for _, r in one) / len(one))
            assert seen["confidence"] == pytest.approx(sum(c for c, _ in one) / len(one))
            assert seen["low"] < seen["confidence"] <= seen["high"]


def test_pairs_and_mistakes_are_a_naive_loops():
    labels, answers = made(2)
    found = counted(labels, answers)
    right = {name: a.argmax(axis=1) == labels for name, a in answers.items()}
    table = np.zeros((4, 2, 2), np.int64)
    for image, label in enumerate(labels):
        table[label, int(right[CANDIDATE][image]), int(right[BASELINE][image])] += 1
    assert np.array_equal(found.right[BASELINE], table)
    confidence = answers[CANDIDATE].max(axis=1)
    wrong = sorted(np.flatnonzero(~right[CANDIDATE]), key=lambda i: (-confidence[i], i))
    assert found.worst.images[:, 0].tolist() == wrong[:KEPT]
    lost = [i for i in wrong if right[BASELINE][i]]
    assert found.lost.images[:, 0].tolist() == lost[:KEPT]
    for (place, label, predicted), both in zip(found.lost.images, found.lost.answers, strict=True):
        assert (label, predicted) == (labels[place], answers[CANDIDATE][place].argmax())
        assert np.array_equal(both, [answers[CANDIDATE][place], answers[BASELINE][place]])


def same(one: Tally, other: Tally) -> None:
    for name, answers in one.models.items():
        for key, value in vars(answers).items():
            np.testing.assert_allclose(value, getattr(other.models[name], key), rtol=1e-12)
    for name, right in one.right.items():
        assert np.array_equal(right, other.right[name])
    for part in ("worst", "lost"):
        for key, value in vars(getattr(one, part)).items():
            assert np.array_equal(value, getattr(getattr(other, part), key))


@given(seed=st.integers(0, 99), cuts=st.sets(st.integers(1, 299), max_size=5), order=st.randoms())
def test_batches_in_any_order_add_up_to_the_whole(seed, cuts, order):
    labels, answers = made(seed)
    edges = [0, *sorted(cuts), 300]
    parts = [
        counted(labels[a:b], {n: p[a:b] for n, p in answers.items()}, a)
        for a, b in itertools.pairwise(edges)
    ]
    order.shuffle(parts)
    added = parts[0]
    for part in parts[1:]:
        added = added + part
    same(added, counted(labels, answers))


def test_bytes_bring_it_back():
    found = counted(*made(3))
    same(Tally.from_bytes(found.to_bytes()), found)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_no_number_is_no_answer(bad):
    labels, answers = made(4, images=20)
    answers[CANDIDATE][3, 1] = bad
    found = counted(labels, answers).models[CANDIDATE]
    assert found.unsound == 1
    assert [labels[3], 4, 1] in found.confusion.tolist()
    assert found.ranks.sum() == 19
    assert found.calibration[..., 0].sum() == 19


def test_a_tie_goes_to_the_class_that_is_predicted():
    labels = np.array([0, 1])
    even = np.full((2, 4), 0.25, np.float32)
    found = counted(labels, {CANDIDATE: even}).models[CANDIDATE]
    assert found.confusion.tolist() == [[0, 0, 1], [1, 0, 1]]
    assert found.ranks[0, 0] == 1
    assert found.ranks[1, 1] == 1


def test_many_classes_have_ranks_up_to_ten():
    labels, answers = made(5, images=400, classes=30)
    found = counted(labels, answers).models[CANDIDATE]
    order = np.argsort(-answers[CANDIDATE], axis=1, kind="stable")
    places = (order == labels[:, None]).argmax(axis=1)
    assert found.ranks.sum(axis=0).tolist() == [int((places == r).sum()) for r in range(RANKS)]


def test_sums_and_spans():
    labels, answers = made(6, images=50)
    answers[CANDIDATE][7] *= 1.5
    found = counted(labels, answers).models[CANDIDATE]
    probabilities = answers[CANDIDATE].astype(float)
    assert found.off_one == pytest.approx(abs(probabilities.sum(axis=1) - 1).max())
    assert np.array_equal(found.lowest, probabilities.min(axis=0))
    assert np.array_equal(found.highest, probabilities.max(axis=0))
