"""Three hundred nights: small losses do not add up past the margin, and honest nights pass.

A night is a candidate, judged by the complete rules beside the model that serves and the best ever
pushed, all on the same images; where it passes, it serves, and `choose_best` names the best.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from reseeds import Reseeds, Seed

from components.evaluate import Config
from components.evaluate.paired_loss import p_value_of_loss
from components.evaluate.rules import Paired, Threshold
from serving_export.model_store.best import choose_best

NIGHTS = 300
MARGIN = 0.025  # of the default rule against the best
BLOCKED_SHARE = 0.01  # of honest nights, at most
FLOOR = (Threshold(metric="accuracy", at_least=0.1),)
CLASSES = 2


@dataclass
class Served:
    """What serves and which is the best, night by night, by the numbers of whoever trained it."""

    serving: Any = None
    best: Any = None
    record: dict[str, Any] | None = None  # as push.json has it of the best
    blocked: Counter[str] = field(default_factory=Counter)
    nights: int = 0
    pushes: int = 0

    def night(
        self, candidate: Any, judged: Seed, blocking: Callable[[Any, Any, Any], list[str]]
    ) -> bool:
        """Judge a candidate; push it where nothing blocks it. Whether it was pushed."""
        self.nights += 1
        why = [] if self.serving is None else blocking(candidate, self.serving, self.best)
        if why:
            self.blocked.update(why)
            self.blocked["nights"] += 1
            return False
        self.pushes += 1
        facts = {"accuracy": judged.accuracy, "examples": len(judged.right)}
        self.record = choose_best(
            self.record, {"version": self.pushes, "digest": str(self.pushes), **facts}
        )
        if self.record["version"] == self.pushes:
            self.best = candidate
        self.serving = candidate
        return True


# ------------------------------------------------------------------------- small losses add up


def answers(labels: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Probabilities of a model that has just these images right; (n, classes) float32."""
    said = np.where(right, labels, (labels + 1) % CLASSES)
    return (0.8 * np.eye(CLASSES)[said] + 0.1).astype(np.float32)


POPULATION = 100_000  # images that there are


class World:
    """Many images, of which a test split is some; a model is which of them it has right."""

    def __init__(self, images: int, seed: int, *, fresh: bool) -> None:
        self.random = np.random.default_rng(seed)
        self.labels = self.random.integers(0, CLASSES, POPULATION)
        self.images, self.fresh = images, fresh
        self.split = self.draw()

    def draw(self) -> np.ndarray:
        """A test split."""
        return self.random.choice(POPULATION, self.images, replace=False)

    def first(self, accuracy: float) -> np.ndarray:
        return self.random.random(POPULATION) < accuracy

    def worse(self, model: np.ndarray, loss: float) -> np.ndarray:
        """Another training: so many more images wrong, and half a point lost and won besides."""
        right = model.mean()
        changes = np.where(model, (0.005 + loss) / right, 0.005 / (1 - right))
        return model ^ (self.random.random(POPULATION) < changes)

    def seen(self, config: Config, *models: np.ndarray) -> Reseeds:
        labels = self.labels[self.split]
        return Reseeds.of(config, labels, [answers(labels, model[self.split]) for model in models])


@dataclass(frozen=True)
class Eroded:
    """What became of 300 nights."""

    pushes: int
    seen: float  # the greatest loss from the best, on the images that a push was judged by
    half: float  # of the interval of that loss
    past: float  # by how much a loss exceeded the margin and its half-width, at most; < 0: never
    true: float  # the loss from the first at the end, over all images that there are


def least_loss(lost: int, won: int, images: int) -> float:
    """The lower end of the paired interval: the least true loss that the exact test leaves open."""
    low, high = -1.0 + 1e-9, (lost - won) / images
    while high - low > 1e-6:
        middle = (low + high) / 2
        shown = p_value_of_loss(lost, won, images, middle, 0.05) < 0.05
        low, high = (middle, high) if shown else (low, middle)
    return low


def erode(world: World, config: Config) -> Eroded:
    first = model = world.first(0.977)
    served = Served()
    worst, past = (0.0, 0.0), -np.inf
    for _ in range(NIGHTS):
        if world.fresh:
            world.split = world.draw()
        others = () if served.serving is None else (served.serving, served.best)
        seen = world.seen(config, model, *others)
        pushed = served.night(model, seen.seeds[0], lambda *_, seen=seen: seen.blocked_by(0, 1, 2))
        if pushed and others:
            ours, best = seen.seeds[0].right, seen.seeds[2].right
            lost, won = int((best & ~ours).sum()), int((ours & ~best).sum())
            loss = (lost - won) / world.images
            if loss > MARGIN:
                half = loss - least_loss(lost, won, world.images)
                worst, past = max(worst, (loss, half)), max(past, loss - MARGIN - half)
        model = world.worse(served.serving, world.random.uniform(0.0005, 0.01))
    return Eroded(served.pushes, *worst, past, float(first.mean() - served.serving.mean()))


STRICT = Paired(margin=MARGIN, against="best", require="shown no worse", confidence=0.9)
RULES = {
    "default": Config(thresholds=FLOOR),
    "strict": Config(thresholds=FLOOR, paired=(Paired(margin=0.015), STRICT)),
}


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fresh", [False, True], ids=["one split", "a split a night"])
@pytest.mark.parametrize("images", [391, 1000, 10_000])
@pytest.mark.parametrize("rules", RULES)
def test_300_nights_of_small_losses(
    rules: str, images: int, fresh: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [erode(World(images, seed, fresh=fresh), RULES[rules]) for seed in range(3)]
    with capsys.disabled():
        print(
            f"\n{rules}, {images} images, {'a split a night' if fresh else 'one split'}: "
            f"3 × {NIGHTS} nights, {sum(one.pushes for one in found)} pushes; "
            f"largest loss seen {100 * max(one.value for one in found):.2f} points "
            f"(half-width {100 * max(one.half for one in found):.2f}), "
            f"past the bound {100 * max(one.past for one in found):+.3f}; "
            f"true loss {', '.join(f'{100 * one.true:.2f}' for one in found)}"
        )
    for one in found:
        assert one.pushes > 1
        assert one.past <= 1e-6


def test_half_a_point_a_night_ends_at_the_margin() -> None:
    """Of the last five pushes it was: 50 nights went from 97.7 % to 72.7 %, none was blocked."""
    images, config = 4000, Config(thresholds=FLOOR)
    labels = np.arange(images) % CLASSES
    models = [np.arange(images) >= 92 + 20 * night for night in range(50)]
    seeds = Reseeds.of(config, labels, [answers(labels, model) for model in models])
    served = Served()
    for night in range(50):
        served.night(night, seeds.seeds[night], seeds.blocked_by)
    assert served.best == 0
    assert served.serving <= 6  # 3 points: the margin, and half an interval of 0.5
    assert served.blocked["not worse than best overall"] >= 43


# ------------------------------------------------------------------------------- honest nights


def honest_nights(found: Reseeds, seed: int, images: int | None) -> Served:
    """Nights of seeds drawn at random; `images`: size of each night's test split, drawn again."""
    random, served = np.random.default_rng(seed), Served()
    blocked_by = functools.cache(found.blocked_by)  # the same three come again
    while served.nights < NIGHTS:
        candidate = int(random.integers(len(found.seeds)))
        if candidate == served.serving:
            continue  # it is up to date
        if images is None:
            served.night(candidate, found.seeds[candidate], blocked_by)
            continue
        split = random.choice(len(found.labels), images, replace=False)
        needed = {candidate, served.serving, served.best} - {None}
        tonight = part(found, split, needed)
        served.night(candidate, tonight.seeds[candidate], tonight.blocked_by)
    return served


def part(found: Reseeds, split: np.ndarray, needed: set[int]) -> Reseeds:
    """Some of the images, and of the seeds those that are needed."""
    labels, seeds = found.labels[split], list(found.seeds)
    for one in needed:
        seeds[one] = Seed.of(labels, seeds[one].probabilities[split])
    return dataclasses.replace(found, labels=labels, seeds=seeds)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("digits", None),
        ("mnist", None),
        ("fashion_first", None),
        ("mnist", 1000),
        ("fashion_first", 1000),
    ],
)
def test_300_honest_nights(
    name: str,
    images: int | None,
    honest: Callable[[str], Reseeds],
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = honest(name)
    campaigns = [honest_nights(found, seed, images) for seed in range(3 if images else 10)]
    nights = sum(served.nights for served in campaigns)
    blocked: Counter[str] = sum((served.blocked for served in campaigns), Counter())
    with capsys.disabled():
        of = (
            f"{images} images drawn again each night"
            if images
            else f"its {len(found.labels)} images"
        )
        print(
            f"\n{name}, {of}: {nights} nights of {len(found.seeds)} trainings; "
            f"blocked {blocked['nights']} ({dict(blocked)})"
        )
    assert len(found.seeds) == 30
    # The recipes' floors are made for all images, and chance takes some nights below them on a few.
    by = "nights" if images is None else "not worse than best overall"
    assert max(served.blocked[by] for served in campaigns) <= BLOCKED_SHARE * NIGHTS
