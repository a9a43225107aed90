"""Make up runs for the report: invented answers to invented images, judged by the real gate."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.artifacts import Examples
from components.evaluate import Config, rules
from components.evaluate.measure import counts, measurements
from components.evaluate.verdict import judge
from components.report.html.facts import Facts, StepFacts
from data.examples.artifact import shard_name
from data.examples.tf_example import encode
from data.spec import ImageSpec

CODE = {"penstock": "0.1.0", "tensorflow": "2.21.0"}
HISTORY = {
    "loss": [0.9, 0.5, None, 0.31],
    "val_loss": [0.8, 0.55, 0.5, 0.49],
    "accuracy": [0.7, 0.81, 0.85, 0.86],
    "val_accuracy": [0.72, 0.79, 0.83, 0.84],
    "learning_rate": [0.001] * 4,
    "seconds": 12.5,
}


def make(
    folder: Path,
    *,
    names: Sequence[str] = tuple("0123456789"),
    images: int = 600,
    shape: tuple[int, int, int] = (28, 28, 1),
    skill: float = 0.9,
    before: float | None = 0.85,
    floor: float | None = 0.8,
    slices: tuple[str, ...] = ("source=web", "source=scan"),
    seed: int = 0,
    **changes: Any,
) -> Facts:
    """A finished run.

    Args:
        folder: where the examples go.
        names: of the classes.
        images: how many there are to judge by.
        shape: of an image.
        skill: share of images on which the candidate knows the label, about.
        before: the baseline's; None: no model serves.
        floor: on the accuracy; None: the gate is not configured, unless a baseline serves.
        slices: names of two halves of the images.
        changes: to the facts.
    """
    draws = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(len(names)), draws.integers(0, len(names), images)])[:images]
    examples = _examples(folder, draws, labels, names, shape)
    found = _measured(draws, labels, names, skill, before, slices)
    floors = (rules.Threshold(metric="accuracy", at_least=floor),) if floor is not None else ()
    about = {"data": {"digest": "d" * 64}, "code": CODE}
    # As it is read from its file.
    verdict = json.loads(json.dumps(judge(found, Config(thresholds=floors), "c" * 64, about)))
    facts = Facts(
        run_id="20261121-093000-digits-1f2e",
        pipeline="digits",
        status="completed",
        started=1_795_253_400.0,
        verdict=verdict,
        history=HISTORY,
        examples=examples,
        lineage=(
            StepFacts(
                step="ingest",
                component="components.ingest",
                fingerprint="a" * 32,
                status="completed",
                seconds=2.5,
                summary=examples.summary,
            ),
            StepFacts(
                step="train",
                component="components.train",
                fingerprint="b" * 32,
                status="cached",
                seconds=61.2,
                inputs=("examples: ingest.examples",),
            ),
        ),
        push={"pushed": True, "version": 4, "served_path": "/srv/digits/4", "reason": ""},
        reproduce=("penstock run digits --config run.toml",),
        config='name = "digits"\nseed = 1\n',
    )
    return dataclasses.replace(facts, **changes)


def _examples(
    folder: Path,
    draws: np.random.Generator,
    labels: np.ndarray,
    names: Sequence[str],
    shape: tuple[int, int, int],
) -> Examples:
    pixels = draws.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / shard_name("test", 0, 1)).write_bytes(encode(pixels, labels))
    height, width, channels = shape
    counts = tuple(np.bincount(labels, minlength=len(names)).tolist())
    spec = ImageSpec(height=height, width=width, channels=channels, class_names=tuple(names))
    return Examples(path=folder, spec=spec, counts={"test": counts})


def _measured(
    draws: np.random.Generator,
    labels: np.ndarray,
    names: Sequence[str],
    skill: float,
    before: float | None,
    slices: tuple[str, ...],
) -> measurements.Measurements:
    answers = {counts.CANDIDATE: _answers(draws, labels, len(names), skill)}
    if before is not None:
        answers[counts.BASELINE] = _answers(draws, labels, len(names), before)
    places = np.arange(len(labels))

    def count(chosen: np.ndarray) -> counts.Tally:
        some = {model: given[chosen] for model, given in answers.items()}
        return counts.tally_batch(labels[chosen], places[chosen], some)

    halves = np.array_split(places, len(slices)) if slices else []
    return measurements.Measurements(
        split="test",
        class_names=tuple(names),
        tally=count(places),
        slices={name: count(half) for name, half in zip(slices, halves, strict=True)},
        facts=measurements.SanityFacts(parity=0.0, transform=0.0, trained_on=0),
        baseline=measurements.Reference(digest="b" * 64, version=3) if before is not None else None,
    )


def _answers(
    draws: np.random.Generator, labels: np.ndarray, classes: int, skill: float
) -> np.ndarray:
    """(n, classes) probabilities: of the label where it is known, else of any class."""
    known = draws.random(len(labels)) < skill
    favoured = np.where(known, labels, draws.integers(0, classes, len(labels)))
    odds = draws.normal(0, 1, (len(labels), classes))
    odds[np.arange(len(labels)), favoured] += draws.uniform(2, 9, len(labels))
    shares = np.exp(odds - odds.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
