"""Measure the cost of judging many classes: `benchmarks/many_classes.py [--classes 10 1000]`.

CPU seconds from counts to a verdict by the default paired rules and a strict one on each class:
candidate, baseline and best, 11 slices. Classes have 20 to 80 images each, drawn at random, so that
few share their numbers; models are right about 7 of 10 images, and differ on 2 of 10.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import timing  # noqa: F401  (finds the packages)

from components.evaluate import Config
from components.evaluate.measure.answers import Answers
from components.evaluate.measure.auc import count_bins
from components.evaluate.measure.cells import add_cells
from components.evaluate.measure.counts import BASELINE, BEST, CANDIDATE, Mistakes, Tally
from components.evaluate.measure.measurements import Measurements, Reference, SanityFacts
from components.evaluate.rules import DEFAULT_PAIRED, Paired
from components.evaluate.verdict import judge


def draw_tally(classes: int, draws: np.random.Generator) -> Tally:
    """Make up the counts of three models."""
    images = draws.integers(20, 81, classes)
    right = {model: draws.binomial(images, 0.7) for model in (CANDIDATE, BASELINE, BEST)}
    none = Mistakes(np.zeros((0, 3), np.int64), np.zeros((0, 1, classes), np.float32))
    return Tally(
        {model: draw_answers(images, found) for model, found in right.items()},
        {model: draw_pairs(images, draws) for model in (BASELINE, BEST)},
        none,
        none,
    )


def draw_answers(images: np.ndarray, right: np.ndarray) -> Answers:
    """Make up the counts of one model, whose errors are all the next class."""
    labels = np.arange(len(images))
    first = np.zeros_like(labels)
    return Answers(
        confusion=add_cells(
            np.stack([labels, labels, right], axis=1),
            np.stack([labels, (labels + 1) % len(labels), images - right], axis=1),
        ),
        rank_cells=np.stack([labels, first, right], axis=1),
        calibration_cells=np.stack([labels, first, images, images / 2, right], axis=1),
        odds_cells=np.stack([labels, first, images], axis=1),
        odds=np.full((len(labels), count_bins(len(labels))), images[:, None], np.int32),
        losses=np.ones((len(labels), 2)),
        off_one=np.array(0.0),
        lowest=np.zeros(len(labels)),
        highest=np.ones(len(labels)),
    )


def draw_pairs(images: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """Make up counts of images, (classes, 2, 2): neither right, lost, won, both right."""
    found = [draws.multinomial(number, [0.2, 0.1, 0.1, 0.6]) for number in images.tolist()]
    return np.array(found).reshape(-1, 2, 2)


def judge_classes(classes: int) -> tuple[float, float]:
    """Measure a verdict twice: the second time the paired tests' results are cached."""
    draws = np.random.default_rng(1)
    whole = draw_tally(classes, draws)
    slices = {f"source={index}": draw_tally(classes, draws) for index in range(11)}
    strict = Paired(margin=0.3, require="shown no worse", on="each class")
    config = Config(paired=(*DEFAULT_PAIRED, strict))
    seconds = []
    for _ in range(2):
        found = Measurements(
            split="test",
            class_names=tuple(f"class {label}" for label in range(classes)),
            tally=whole,
            slices=slices,
            facts=SanityFacts(parity=0.0, transform=0.0, trained_on=0),
            baseline=Reference(digest="b" * 64, version=1),
            best=Reference(digest="c" * 64, version=2),
        )
        started = time.process_time()
        judge(found, config, "m" * 64, {"data": {}, "code": {}})
        seconds.append(time.process_time() - started)
    return seconds[0], seconds[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 1000, 10_000])
    for classes in parser.parse_args().classes:
        first, again = judge_classes(classes)
        print(f"{classes:>7,} classes: {first:6.2f} s, again {again:6.2f} s", flush=True)


if __name__ == "__main__":
    main()
