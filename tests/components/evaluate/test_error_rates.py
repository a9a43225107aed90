"""How often the paired tests are wrong, by adding up all that can happen; published examples."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from components.evaluate.statistics import FEW, loss_interval, p_lost_more

LEVELS = (0.05, 0.005)  # the second: of each of ten classes


@lru_cache
def outcomes(images: int) -> tuple[np.ndarray, np.ndarray]:
    """Every (lost, won) that there can be."""
    pairs = [(a, b) for a in range(images + 1) for b in range(images + 1 - a)]
    lost, won = np.array(pairs).T
    return lost, won


def wrong_rates(images: int, margin: float, differ: float) -> dict[float, float]:
    """Level → the greatest share of times that a loss of just `margin` is called more.

    Over models that differ on at most the share `differ` of images: all that is not known of them.
    A negative margin is what "shown no worse" asks about, from the other model's side.
    """
    lost, won = outcomes(images)
    least = np.array([max(margin, 0.0), max(-margin, 0.0)])
    most = (min(differ, 1.0) - abs(margin)) / 2
    chances = []
    for more in np.unique(np.r_[0.0, np.geomspace(1e-4, most, 25)]):
        p_lost, p_won = least + more
        cells = np.stack([lost, won, images - lost - won], axis=1)
        rest = max(0.0, 1 - p_lost - p_won)
        chances.append(np.nan_to_num(stats.multinomial.pmf(cells, images, [p_lost, p_won, rest])))
    p = np.ones(len(lost))
    for place in np.flatnonzero((np.max(chances, axis=0) > 1e-9) & (lost - won > images * margin)):
        p[place] = p_lost_more(int(lost[place]), int(won[place]), images, margin)
    return {level: max(float(c[p < level].sum()) for c in chances) for level in LEVELS}


@pytest.mark.parametrize("margin", [0.0, 0.015, 0.3, -0.015, -0.3])
def test_up_to_25_images_the_error_is_never_more_than_said(margin: float) -> None:
    images = 20
    assert images <= FEW
    for level, rate in wrong_rates(images, margin, differ=1.0).items():
        assert rate <= level
        # Nor is it much less, which would be power given away, but where there is nothing to see.
        assert rate > level / 3 or abs(margin) == 0.015


@pytest.mark.slow
@pytest.mark.parametrize(
    ("images", "margin", "differ", "ratio"),
    [
        (36, 0.0, 0.5, 1.0),
        (36, 0.3, 0.5, 1.0),
        (36, -0.05, 0.5, 1.0),
        (36, 0.0, 1.0, 1.5),  # models that agree on nothing are judged by the normal distribution
        (120, 0.015, 0.5, 1.05),
        (120, 0.3, 0.5, 1.5),
        (120, -0.1, 0.5, 1.05),
        (360, 0.015, 0.1, 1.05),
        (360, -0.015, 0.1, 1.05),
    ],
)
def test_beyond_that_it_is_about_as_said(
    images: int, margin: float, differ: float, ratio: float
) -> None:
    for level, rate in wrong_rates(images, margin, differ).items():
        assert rate <= level * ratio


@pytest.mark.parametrize(
    ("images", "margin", "won"), [(10_000, 0.015, 0.03), (10_000, 0.0, 0.01), (1000, 0.3, 0.02)]
)
def test_of_many_images_it_is_what_is_said(images: int, margin: float, won: float) -> None:
    draws = np.random.default_rng(7).multinomial(
        images, [won + margin, won, 1 - 2 * won - margin], size=4000
    )
    p = np.array([p_lost_more(lost, won, images, margin) for lost, won, _ in draws.tolist()])
    for level in LEVELS:
        spread = (level * (1 - level) / len(draws)) ** 0.5
        assert abs((p < level).mean() - level) < 4 * spread + level * 0.1


def test_a_drop_well_beyond_the_margin_is_seen() -> None:
    images, margin = 360, 0.015
    for lost, found in ((0.09, 0.9), (0.05, 0.25)):
        draws = np.random.default_rng(3).multinomial(images, [lost, 0.01, 0.99 - lost], size=300)
        seen = [p_lost_more(a, b, images, margin) < 0.05 for a, b, _ in draws.tolist()]
        assert np.mean(seen) > found


# ------------------------------------------------------------------------------------- by hand


def test_tangos_own_example() -> None:
    """Two soft contact lens treatments, Tango (1998): 43, 0, 1, 0; margin 0.1: Z = 1.709."""
    low, high = loss_interval(1, 0, 44, float(stats.norm.cdf(1.7085643)))
    assert high == pytest.approx(0.1, abs=1e-5)
    assert low < 1 / 44


def test_airways_before_and_after_transplantation() -> None:
    """Fagerland and others, Statistics in Medicine 33 (2014) 2850-2875: -0.517 to -0.026."""
    low, high = loss_interval(1, 7, 21, 0.975)
    assert (round(low, 3), round(high, 3)) == (-0.517, -0.026)
    assert loss_interval(7, 1, 21, 0.975) == pytest.approx((-high, -low))


@given(
    lost=st.integers(0, 60),
    won=st.integers(0, 60),
    images=st.integers(120, 5000),
    confidence=st.sampled_from([0.9, 0.95, 0.995]),
    margin=st.floats(0, 0.5),
)
def test_beyond_few_differences_the_interval_and_the_test_say_the_same(
    lost: int, won: int, images: int, confidence: float, margin: float
) -> None:
    if lost + won <= FEW:
        return
    low, high = loss_interval(lost, won, images, confidence)
    if abs(low - margin) > 1e-6:
        assert (p_lost_more(lost, won, images, margin) < 1 - confidence) == (low > margin)
    if abs(high - margin) > 1e-6:
        assert (p_lost_more(won, lost, images, -margin) < 1 - confidence) == (high < margin)


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.5, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("images", [1, 2, 20, 36, 10_000])
def test_the_corners(images: int, margin: float) -> None:
    everything, nothing = (
        p_lost_more(lost, 0, images, margin) for lost in (images, 0)
    )  # lost all, or agree on all
    assert 0 <= everything <= 1
    assert 0.05 < nothing <= 1
    assert everything <= nothing
    assert p_lost_more(0, images, images, margin) > 0.05
    if images >= 20 and margin <= 0.5:  # at 0.5, 20 of 20 may come of 3 in 4 lost, 1 in 4 won
        assert everything < 1e-3 + 0.75**images
    if margin == 1.0:  # more than all cannot be lost
        assert everything > 0.05
    for lost, won in ((images, 0), (0, 0), (0, images)):
        low, high = loss_interval(lost, won, images, 0.95)
        assert -1 <= low <= (lost - won) / images <= high <= 1
        assert high > low


@given(lost=st.integers(0, 12), won=st.integers(0, 12), images=st.integers(24, 300))
def test_one_of_two_sides_at_most_is_shown_to_be_worse(lost: int, won: int, images: int) -> None:
    sides = p_lost_more(lost, won, images, 0.0), p_lost_more(won, lost, images, 0.0)
    assert max(sides) > 0.4
    if lost == won:
        assert sides[0] == sides[1]


def test_within_few_differences_more_lost_is_never_less_sure() -> None:
    """Exact p-values are searched over a grid: so much of a step is theirs."""
    for images, margin in ((36, 0.0), (36, 0.3), (360, 0.015)):
        for won in (0, 2, 5):
            p = [p_lost_more(lost, won, images, margin) for lost in range(won, FEW - won)]
            assert np.all(np.diff(p) < 2e-4)
