"""How often the paired test is wrong, by adding up all that can happen, down to any level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from components.evaluate.paired_loss import fewest_images, p_value_of_loss

# Of a rule of 0.1 to 1e-6, alone or shared out among up to 10,000 classes.
LEVELS = (0.1, 0.05, 0.005, 1e-4, 5e-6, 1e-6, 1e-8, 1e-10)
MARGINS = (0.0, 0.015, 0.3, -0.015, -0.3)  # the negative ones are what "shown no worse" asks about


def least_lost(images: int, margin: float, level: float) -> np.ndarray:
    """For each number won: how many must be lost for the loss to be shown; by bisection."""
    least = np.zeros(images + 1, int)
    for won in range(images + 1):
        low, high = -1, images - won + 1
        while high - low > 1:
            middle = (low + high) // 2
            shown = p_value_of_loss(middle, won, images, margin, level) < level
            low, high = (low, middle) if shown else (middle, high)
        least[won] = high
    return least


def wrong_rate(images: int, margin: float, level: float) -> float:
    """The greatest share of times that a loss of just `margin` is called more.

    Over all that is not known of the models: how many images they differ on, from none to all.
    """
    won, least = np.arange(images + 1), least_lost(images, margin, level)
    first, most = max(0.0, -margin), (1 - abs(margin)) / 2
    q = first + np.unique(np.r_[np.linspace(0, most, 300), np.geomspace(1e-5, most, 100)])[:, None]
    p_lost = ((q + margin) / (1 - q)).clip(0, 1)
    chances = stats.binom.pmf(won, images, q) * stats.binom.sf(least - 1, images - won, p_lost)
    return float(chances.sum(axis=1).max())


def hold(images: int, margin: float) -> None:
    for level in LEVELS:
        rate = wrong_rate(images, margin, level)
        assert rate <= level, f"{images} images, margin {margin}: {rate / level:.4f} of {level}"


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("images", [2, 5, 20, 25, 26])
def test_the_error_is_never_more_than_said(images: int, margin: float) -> None:
    hold(images, margin)


@pytest.mark.slow
@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("images", [36, 50])
def test_nor_where_the_normal_distribution_would_be_six_times_off(
    images: int, margin: float
) -> None:
    """Of 50 images, margin -0.3: at 1e-10 Tango's score test is wrong 6 times as often as said."""
    hold(images, margin)


@pytest.mark.torture
@pytest.mark.parametrize("margin", [*MARGINS, 0.1])
@pytest.mark.parametrize("images", [75, 100, 150, 200, 300])
def test_nor_of_some_hundreds_of_images(images: int, margin: float) -> None:
    hold(images, margin)


@pytest.mark.parametrize(("images", "margin"), [(26, 0.3), (26, -0.3), (40, 0.0)])
def test_nor_is_it_much_less_which_would_be_power_given_away(images: int, margin: float) -> None:
    for level in (0.1, 0.05, 0.005):
        assert wrong_rate(images, margin, level) > level * 0.6


@pytest.mark.parametrize(("margin", "level"), [(0.3, 0.005), (-0.3, 0.005), (0.0, 0.1)])
def test_whoever_loses_more_is_never_less_surely_worse(margin: float, level: float) -> None:
    """What `least_lost` rests on: beyond the least that is lost, all is called worse."""
    images = 26
    for won, least in enumerate(least_lost(images, margin, level)):
        for lost in range(images - won + 1):
            shown = p_value_of_loss(lost, won, images, margin, level) < level
            assert shown == (lost >= least)


@pytest.mark.parametrize("margin", [0.0, 0.015, 0.15, 0.3, -0.3])
def test_all_lost_is_shown_as_soon_as_any_test_can_show_it(margin: float) -> None:
    """That all are lost has a chance of ((1 + margin) / 2)^n: held is the error or the claim."""
    for level in np.geomspace(1e-10, 0.1, 40).tolist():
        images = fewest_images(margin, level)
        assert p_value_of_loss(images, 0, images, margin, level) < level
        assert ((1 + margin) / 2) ** (images - 1) > level * 0.99
        if images > 1:
            assert p_value_of_loss(images - 1, 0, images - 1, margin, level) >= level


@pytest.mark.slow
@pytest.mark.parametrize(
    ("images", "margin", "won"), [(10_000, 0.015, 0.03), (10_000, 0.0, 0.01), (1000, 0.3, 0.02)]
)
def test_of_many_images_it_is_what_is_said(images: int, margin: float, won: float) -> None:
    draws = np.random.default_rng(7).multinomial(
        images, [won + margin, won, 1 - 2 * won - margin], size=400
    )
    level = 0.05
    p = [p_value_of_loss(lost, won, images, margin, level) for lost, won, _ in draws.tolist()]
    spread = (level * (1 - level) / len(draws)) ** 0.5
    assert abs((np.array(p) < level).mean() - level) < 4 * spread + level * 0.1


def test_a_drop_well_beyond_the_margin_is_seen() -> None:
    images, margin = 360, 0.015
    for lost, found in ((0.09, 0.9), (0.05, 0.25)):
        draws = np.random.default_rng(3).multinomial(images, [lost, 0.01, 0.99 - lost], size=300)
        seen = [p_value_of_loss(a, b, images, margin, 0.05) < 0.05 for a, b, _ in draws.tolist()]
        assert np.mean(seen) > found
