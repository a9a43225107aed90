from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from components.evaluate.measure.intervals import loss_interval, mean_interval, wilson_interval
from components.evaluate.paired_loss import tango_score


@pytest.mark.parametrize(("successes", "trials"), [(36, 36), (0, 36), (1, 2), (9800, 10000)])
def test_wilsons_interval_is_his_formula_and_never_of_width_0(successes, trials):
    z, share = 1.959963984540054, successes / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    wanted = [(middle + sign * half) / (1 + z * z / trials) for sign in (-1, 1)]
    low, high = wilson_interval(successes, trials, 0.95)
    assert (low, high) == pytest.approx(wanted, abs=1e-12)
    assert high > low
    wide = wilson_interval(successes, trials, 0.99)
    assert wide[0] <= low < high <= wide[1]


def test_no_trials_no_interval():
    assert wilson_interval(0, 0, 0.95) is None
    assert mean_interval(1.0, 1.0, 1, 0.95) is None
    assert mean_interval(math.nan, 1.0, 9, 0.95) is None


def test_a_mean_has_the_normal_interval_of_its_numbers():
    numbers = np.random.default_rng(0).exponential(size=500)
    low, high = mean_interval(numbers.sum(), (numbers**2).sum(), 500, 0.9)
    wanted = stats.norm.interval(0.9, numbers.mean(), numbers.std(ddof=1) / math.sqrt(500))
    assert (low, high) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("lost", "won", "images"), [(40, 20, 360), (3, 9, 360), (0, 0, 36), (36, 0, 36)]
)
def test_the_interval_holds_the_losses_that_the_score_does_not_reject(lost, won, images):
    low, high = loss_interval(lost, won, images, 0.95)
    assert -1 <= low <= (lost - won) / images <= high <= 1
    assert high > low
    z = stats.norm.ppf(0.95)
    for margin in np.linspace(-0.9, 0.9, 37):
        # Just beside a bound either may be said.
        if min(abs(margin - low), abs(margin - high)) > 1e-3 and 0 < lost + won < images:
            assert (abs(float(tango_score(lost, won, images, margin))) < z) == (low < margin < high)


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
    margin=st.floats(0.001, 0.5),
)
def test_the_interval_and_the_score_say_the_same(
    lost: int, won: int, images: int, confidence: float, margin: float
) -> None:
    low, high = loss_interval(lost, won, images, confidence)
    if abs(low - margin) > 1e-6:
        assert (stats.norm.sf(tango_score(lost, won, images, margin)) < 1 - confidence) == (
            low > margin
        )
    if abs(high - margin) > 1e-6:
        assert (stats.norm.sf(tango_score(won, lost, images, -margin)) < 1 - confidence) == (
            high < margin
        )


@pytest.mark.parametrize("images", [1, 2, 20, 36, 10_000])
def test_the_interval_at_the_corners(images: int) -> None:
    for lost, won in ((images, 0), (0, 0), (0, images)):
        low, high = loss_interval(lost, won, images, 0.95)
        assert -1 <= low <= (lost - won) / images <= high <= 1
        assert high > low
