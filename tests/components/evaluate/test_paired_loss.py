"""The test of paired images, against its definition and published ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from components.evaluate.paired_loss import fewest_images, p_value_of_loss, tango_score

LEVEL = 0.05


def tango(lost: int, won: int, images: int, margin: float) -> float:
    """His statistic with the likelihood maximized by search, not by his formula."""
    rest = images - lost - won

    def negative(q: float) -> float:
        cells = ((lost, q + margin), (won, q), (rest, 1 - 2 * q - margin))
        return -sum(k * math.log(max(p, 1e-300)) for k, p in cells if k)

    low, high = max(0.0, -margin), (1 - margin) / 2
    q = optimize.minimize_scalar(
        negative, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    variance = images * (2 * q + margin * (1 - margin))
    return (lost - won - images * margin) / math.sqrt(variance)


@pytest.mark.parametrize(
    ("lost", "won", "images", "margin"),
    [(40, 20, 360, 0.0), (40, 20, 360, 0.03), (20, 40, 360, 0.01), (150, 80, 10000, 0.005)],
)
def test_the_statistic_is_tangos_and_of_many_differences_nearly_normal(lost, won, images, margin):
    wanted = tango(lost, won, images, margin)
    assert float(tango_score(lost, won, images, margin)) == pytest.approx(wanted, rel=1e-4)
    p = p_value_of_loss(lost, won, images, margin, LEVEL)
    assert p == pytest.approx(stats.norm.sf(wanted), rel=0.15, abs=1e-4)


@pytest.mark.parametrize("margin", [0.0, 0.015, 0.3, 0.9, -0.015, -0.3, -0.9])
def test_the_statistic_grows_with_what_is_lost(margin):
    """What the sum over outcomes rests on: for each number won there is one border."""
    for images in (1, 2, 7, 25, 60):
        for won in range(images + 1):
            found = tango_score(np.arange(images - won + 1), won, images, margin)
            assert (np.diff(found) > -1e-9).all()


@pytest.mark.parametrize("level", [0.05, 1e-3, 1e-6])
@pytest.mark.parametrize(
    ("lost", "won", "images", "margin"),
    [(10, 5, 24, 0.02), (6, 1, 20, 0.05), (9, 0, 16, 0.2), (16, 9, 30, 0.05), (3, 20, 40, -0.3)],
)
def test_it_is_berger_and_booss_p_by_its_definition(lost, won, images, margin, level):
    """The worst of all truths that neither cell contradicts, cell by cell."""
    outside = level / 1000
    lost_range, won_range = (
        stats.binomtest(k, images).proportion_ci(1 - outside / 2, "exact") for k in (lost, won)
    )
    cells = [(a, b) for a in range(images + 1) for b in range(images + 1 - a)]
    seen = tango(lost, won, images, margin)
    reached = [cell for cell in cells if tango(*cell, images, margin) >= seen - 1e-5]
    counts = np.array([(a, b, images - a - b) for a, b in reached])
    tails = [
        stats.multinomial.pmf(counts, images, [q + margin, q, 1 - 2 * q - margin]).sum()
        for q in np.linspace(max(0, -margin), (1 - margin) / 2, 2001)
        if won_range.low <= q <= won_range.high and lost_range.low <= q + margin <= lost_range.high
    ]
    found = p_value_of_loss(lost, won, images, margin, level)
    assert found == pytest.approx(max(tails) + outside, rel=0.005)


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_what_all_images_say_is_certain(margin):
    assert p_value_of_loss(24, 0, 24, margin, LEVEL) < 0.001
    assert p_value_of_loss(0, 24, 24, margin, LEVEL) == pytest.approx(1)
    assert p_value_of_loss(0, 24, 24, -margin, LEVEL) == pytest.approx(1)


def test_of_10_000_classes_one_that_loses_all_is_worse_and_one_that_agrees_is_not():
    """Of 25 images up to 2,372 classes at 5 %; of 29 images 10,000."""
    for classes in (2, 10, 499, 500, 501, 1000, 2372):
        assert p_value_of_loss(25, 0, 25, 0.3, LEVEL / classes) < LEVEL / classes
    assert fewest_images(0.3, LEVEL / 2372) == 25
    assert fewest_images(0.3, LEVEL / 2373) == 26
    assert fewest_images(0.3, LEVEL / 10_000) == 29
    assert p_value_of_loss(29, 0, 29, 0.3, LEVEL / 10_000) < LEVEL / 10_000
    # "shown no worse" can be: the same answers to 50 images, and a loss of 30 points
    assert p_value_of_loss(0, 0, 50, -0.3, LEVEL / 10_000) < LEVEL / 10_000


@given(
    lost=st.integers(0, 40),
    won=st.integers(0, 40),
    images=st.integers(80, 500),
    margin=st.sampled_from([0.0, 0.005, 0.015, 0.1]),
    level=st.sampled_from([0.05, 1e-4]),
)
def test_p_is_a_probability_that_falls_with_the_loss_and_grows_with_the_margin(
    lost, won, images, margin, level
):
    p = p_value_of_loss(lost, won, images, margin, level)
    assert 0 <= p <= 1
    if (lost - won) / images <= margin:
        assert p > 0.05  # what is within the margin is never shown to be beyond it
    # Another outcome leaves other truths open, so that a little of a step may be theirs.
    assert p_value_of_loss(lost + 1, won, images, margin, level) <= p * 1.05 + level / 100
    assert p_value_of_loss(lost, won, images, margin + 0.01, level) >= p * 0.95 - level / 100


@pytest.mark.parametrize(("lost", "won"), [(10, 0), (12, 3), (20, 4), (8, 4)])
def test_without_a_margin_it_agrees_with_mcnemars_exact_test(lost, won):
    exact = stats.binomtest(lost, lost + won, 0.5, alternative="greater").pvalue
    ours = p_value_of_loss(lost, won, 10_000, 0.0, LEVEL)
    # McNemar's conditions on the number of differences, which costs power, never the level.
    assert ours <= exact + 1e-3
    assert (ours < LEVEL) == (exact < LEVEL)


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.5, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("images", [1, 2, 20, 36, 10_000])
def test_the_corners(images: int, margin: float) -> None:
    everything, nothing = (
        p_value_of_loss(lost, 0, images, margin, LEVEL) for lost in (images, 0)
    )  # lost all, or agree on all
    assert 0 <= everything <= 1
    assert 0.05 < nothing <= 1
    assert everything <= nothing
    assert p_value_of_loss(0, images, images, margin, LEVEL) > 0.05
    if images >= 20 and margin <= 0.5:  # at 0.5, 20 of 20 may come of 3 in 4 lost, 1 in 4 won
        assert everything < 1e-3 + 0.75**images
    if margin == 1.0:  # more than all cannot be lost
        assert everything > 0.05


@given(lost=st.integers(0, 12), won=st.integers(0, 12), images=st.integers(24, 300))
def test_one_of_two_sides_at_most_is_shown_to_be_worse(lost: int, won: int, images: int) -> None:
    sides = [p_value_of_loss(a, b, images, 0.0, LEVEL) for a, b in ((lost, won), (won, lost))]
    assert max(sides) > 0.4
    if lost == won:
        assert sides[0] == sides[1]
