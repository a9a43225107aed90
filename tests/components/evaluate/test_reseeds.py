"""Good retrainings must pass: the same recipe with other seeds, each against each."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reseeds import SEEDS, Reseeds, reseeds

from components.evaluate import Config
from components.evaluate.measure.counts import BASELINE, BEST, CANDIDATE, tally_batch
from components.evaluate.verdict import judge_rules
from pipeline import recipes
from pipeline.config.overrides import apply_settings

BLOCKED_SHARE = 0.01  # of all pairs, at most


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["digits", "mnist", "fashion_first"])
def test_good_reseeds_pass(
    name: str, honest: Callable[[str], Reseeds], capsys: pytest.CaptureFixture[str]
) -> None:
    found = honest(name)
    blocked = found.judge_all()
    number, by_rule = sum(map(bool, blocked)), Counter(rule for some in blocked for rule in some)
    accuracies = [seed.accuracy for seed in found.seeds]
    with capsys.disabled():
        print(
            f"\n{name}: {len(blocked)} pairs of {SEEDS} seeds, accuracy {np.mean(accuracies):.4f} "
            f"± {np.std(accuracies):.4f}; {number} blocked; by rule: {dict(by_rule) or 'none'}"
        )
    assert len(blocked) == SEEDS * (SEEDS - 1)
    assert number <= BLOCKED_SHARE * len(blocked)


@pytest.mark.slow
def test_three_seeds_of_digits_pass_and_a_hurried_one_does_not(tmp_path: Path) -> None:
    recipe = apply_settings(recipes.build("digits"), ["train.epochs=20"])
    found = reseeds(recipe, 3, tmp_path)
    assert found.judge_all() == [[]] * 6

    (tmp_path / "hurried").mkdir()
    hurried = reseeds(apply_settings(recipe, ["train.epochs=1"]), 1, tmp_path / "hurried")
    both = Reseeds(found.config, found.class_names, found.labels, [*found.seeds, *hurried.seeds])
    assert "not worse than baseline overall" in both.blocked_by(3, 2)
    assert both.blocked_by(2, 3) == []


@settings(max_examples=20)
@given(seed=st.integers(0, 99))
def test_counts_of_seeds_give_the_verdict_of_one_pass(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 300)
    # Answers that know the label more or less, as seeds do.
    known = [1 + rng.uniform(2, 4) * np.eye(4)[labels] for _ in range(3)]
    answers = [rng.standard_gamma(shape).astype(np.float32) for shape in known]
    answers = [some / some.sum(axis=1, keepdims=True) for some in answers]
    found = Reseeds.of(Config(min_examples=1), labels, answers)
    named = {CANDIDATE: 0, BASELINE: 1, BEST: 2}
    whole = tally_batch(labels, np.arange(300), {name: answers[i] for name, i in named.items()})
    in_parts = found.measured(0, 1, 2)
    assert judge_rules(in_parts, found.config) == judge_rules(
        dataclasses.replace(in_parts, tally=whole), found.config
    )
