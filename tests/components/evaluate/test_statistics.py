from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from components.evaluate.statistics import FEW, loss_interval, of_mean, p_lost_more, wilson


@pytest.mark.parametrize(("successes", "trials"), [(36, 36), (0, 36), (1, 2), (9800, 10000)])
def test_wilsons_interval_is_his_formula_and_never_of_width_0(successes, trials):
    z, share = 1.959963984540054, successes / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    wanted = [(middle + sign * half) / (1 + z * z / trials) for sign in (-1, 1)]
    low, high = wilson(successes, trials, 0.95)
    assert (low, high) == pytest.approx(wanted, abs=1e-12)
    assert high > low
    wide = wilson(successes, trials, 0.99)
    assert wide[0] <= low < high <= wide[1]


def test_no_trials_no_interval():
    assert wilson(0, 0, 0.95) is None
    assert of_mean(1.0, 1.0, 1, 0.95) is None
    assert of_mean(math.nan, 1.0, 9, 0.95) is None


def test_a_mean_has_the_normal_interval_of_its_numbers():
    numbers = np.random.default_rng(0).exponential(size=500)
    low, high = of_mean(numbers.sum(), (numbers**2).sum(), 500, 0.9)
    wanted = stats.norm.interval(0.9, numbers.mean(), numbers.std(ddof=1) / math.sqrt(500))
    assert (low, high) == pytest.approx(wanted, rel=1e-9)


def score(lost: int, won: int, images: int, margin: float) -> float:
    """Tango's statistic with the likelihood maximized by search, not by his formula."""
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
def test_many_differences_are_judged_by_tangos_score(lost, won, images, margin):
    assert lost + won > FEW
    wanted = stats.norm.sf(score(lost, won, images, margin))
    assert p_lost_more(lost, won, images, margin) == pytest.approx(wanted, rel=1e-3)


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
            assert (abs(score(lost, won, images, margin)) < z) == (low < margin < high)


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.25])
def test_few_differences_are_judged_exactly(margin, share):
    """At the margin, whatever else is true, at most one in twenty is called worse."""
    images, wrongly, seen = 24, 0.0, 0.0
    for lost, won in itertools.product(range(images + 1), repeat=2):
        if lost + won <= min(images, FEW):
            p = stats.multinomial.pmf(
                [lost, won, images - lost - won],
                images,
                [share + margin, share, 1 - 2 * share - margin],
            )
            seen += p
            if p > 1e-7 and p_lost_more(lost, won, images, margin) < 0.05:
                wrongly += p
    assert seen == pytest.approx(1)
    assert wrongly <= 0.05


@pytest.mark.parametrize(
    ("lost", "won", "images", "margin"),
    [(10, 5, 24, 0.02), (6, 1, 20, 0.05), (9, 0, 16, 0.2), (FEW - 9, 9, 30, 0.05)],
)
def test_few_differences_have_the_p_of_berger_and_boos(lost, won, images, margin):
    """By its definition: the worst of all truths that neither cell contradicts, cell by cell."""
    outside = 1e-4
    lost_range, won_range = (
        stats.binomtest(k, images).proportion_ci(1 - outside / 2, "exact") for k in (lost, won)
    )
    cells = [(a, b) for a in range(images + 1) for b in range(images + 1 - a)]
    seen = score(lost, won, images, margin)
    reached = [cell for cell in cells if score(*cell, images, margin) >= seen - 1e-5]
    counts = np.array([(a, b, images - a - b) for a, b in reached])
    tails = [
        stats.multinomial.pmf(counts, images, [q + margin, q, 1 - 2 * q - margin]).sum()
        for q in np.linspace(0, (1 - margin) / 2, 2001)
        if won_range.low <= q <= won_range.high and lost_range.low <= q + margin <= lost_range.high
    ]
    assert p_lost_more(lost, won, images, margin) == pytest.approx(max(tails) + outside, rel=0.02)


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_what_all_images_say_is_certain(margin):
    assert p_lost_more(24, 0, 24, margin) < 0.001
    assert p_lost_more(0, 24, 24, margin) == pytest.approx(1)
    assert p_lost_more(0, 24, 24, -margin) == pytest.approx(1)


def test_many_differences_are_called_worse_about_as_often_as_said():
    images, margin, share = 2000, 0.01, 0.02
    draws = np.random.default_rng(1).multinomial(
        images, [share + margin, share, 1 - 2 * share - margin], size=2000
    )
    wrongly = np.mean([p_lost_more(a, b, images, margin) < 0.05 for a, b, _ in draws.tolist()])
    assert 0.03 < wrongly < 0.065


@given(
    lost=st.integers(0, 40),
    won=st.integers(0, 40),
    images=st.integers(80, 500),
    margin=st.sampled_from([0.0, 0.005, 0.015, 0.1]),
)
def test_p_is_a_probability_that_falls_with_the_loss_and_grows_with_the_margin(
    lost, won, images, margin
):
    p = p_lost_more(lost, won, images, margin)
    assert 0 <= p <= 1
    if (lost - won) / images <= margin:
        assert p > 0.05  # what is within the margin is never shown to be beyond it
    if lost + won >= 2 * FEW:
        assert p_lost_more(lost + 1, won, images, margin) <= p
        assert p_lost_more(lost, won, images, margin + 0.01) >= p


@pytest.mark.parametrize(("lost", "won"), [(10, 0), (12, 3), (20, 4), (8, 4)])
def test_without_a_margin_it_agrees_with_mcnemars_exact_test(lost, won):
    exact = stats.binomtest(lost, lost + won, 0.5, alternative="greater").pvalue
    ours = p_lost_more(lost, won, 10_000, 0.0)
    # McNemar's conditions on the number of differences, which costs power, never the level.
    assert ours <= exact + 1e-3
    assert (ours < 0.05) == (exact < 0.05)
