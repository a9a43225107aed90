"""Collect the answers of good trainings over seeds, and judge each against the others.

`PENSTOCK_RESEEDS` names a folder in which the answers are kept and found again: of each seed
`{recipe}-{seed}.npy`, (n, classes) float32 probabilities on the test split, and
`{recipe}-labels.npy`, (n,) int64. Without it they are made again, which takes half an hour.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from components import train
from components.context import Context
from components.evaluate import Config
from components.evaluate.measure.answers import Answers
from components.evaluate.measure.counts import (
    BASELINE,
    BEST,
    CANDIDATE,
    Mistakes,
    Tally,
    tally_batch,
)
from components.evaluate.measure.measurements import Measurements, Reference, SanityFacts
from components.evaluate.measure.metrics import describe
from components.evaluate.verdict import decide_status, judge_rules
from data.batches.sequential import read_batches
from pipeline import recipes
from pipeline.config.graph import PipelineConfig
from pipeline.config.overrides import apply_settings
from pipeline.run import run

SEEDS = 30
SOUND = SanityFacts(parity=0.0, transform=0.0, trained_on=0)

# --------------------------------------------------------------------------------- the answers


def kept_answers(
    recipe: PipelineConfig, seeds: int, folder: Path
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels and each seed's probabilities; what the folder lacks is trained and kept there."""
    files = [folder / f"{recipe.name}-{seed}.npy" for seed in range(seeds)]
    labels = folder / f"{recipe.name}-labels.npy"
    if not all(file.is_file() for file in (labels, *files)):
        make_answers(recipe, files, labels)
    return np.load(labels), [np.load(file) for file in files]


def make_answers(recipe: PipelineConfig, files: list[Path], labels: Path) -> None:
    """Train seed after seed, and ask each bundle about the test split."""
    from serving_export.bundle.manifest import IMAGES, PROBABILITIES
    from serving_export.bundle.saved_model import load_bundle

    with tempfile.TemporaryDirectory() as root:
        made = run(recipe, root=Path(root), last="normalize").outputs
        examples = made["ingest"].examples
        inputs = train.Inputs(examples=examples, transform_graph=made["normalize"].transform_graph)
        test = list(read_batches(examples, "test", batch_size=1000).as_numpy_iterator())
        np.save(labels, np.concatenate([some for _, some in test]))
        for seed, file in enumerate(files):
            if file.is_file():
                continue
            with tempfile.TemporaryDirectory() as folder:
                context = Context(output_dir=Path(folder), seed=seed)
                model = train.run(inputs, recipe.step("train").config, context).model
                bundle = load_bundle(model.bundle, model.digest)
                answers = [bundle(IMAGES, images)[PROBABILITIES] for images, _ in test]
            np.save(file, np.concatenate(answers))


# --------------------------------------------------------------------------------- the verdicts


@dataclass(frozen=True)
class Seed:
    """What the rules need of one seed's answers, counted once for all its pairs."""

    answers: Answers
    probabilities: np.ndarray  # (n, classes) float32
    right: np.ndarray  # (n,) bool
    accuracy: float
    described: dict[str, Any] = field(default_factory=dict)  # its metrics, once they are asked for

    @classmethod
    def of(cls, labels: np.ndarray, probabilities: np.ndarray) -> Seed:
        places = np.arange(len(labels))
        counted = tally_batch(labels, places, {CANDIDATE: probabilities}).models[CANDIDATE]
        right = probabilities.argmax(axis=1) == labels
        return cls(counted, probabilities, right, float(right.mean()))


@dataclass(frozen=True)
class Reseeds:
    """The seeds of one recipe, and its rules."""

    config: Config
    class_names: tuple[str, ...]
    labels: np.ndarray
    seeds: list[Seed]

    @classmethod
    def of(cls, config: Config, labels: np.ndarray, answers: list[np.ndarray]) -> Reseeds:
        seeds = [Seed.of(labels, probabilities) for probabilities in answers]
        return cls(config, tuple(map(str, range(answers[0].shape[1]))), labels, seeds)

    def blocked_by(self, candidate: int, baseline: int, best: int | None = None) -> list[str]:
        """The rules that block a seed where another one serves, and a third is the best ever."""
        best = self.best_beside(candidate) if best is None else best
        found = judge_rules(self.measured(candidate, baseline, best), self.config)
        blocking = [o.name for o in found if o.status in ("failed", "not enough data")]
        assert (decide_status(found, self.config) == "failed") == bool(blocking)
        return blocking

    def measured(self, candidate: int, baseline: int, best: int) -> Measurements:
        """What one pass over the split would have found."""
        references = {BASELINE: baseline, BEST: best}
        models = {CANDIDATE: candidate, **references}
        nothing = Mistakes(np.zeros((0, 3), np.int64), np.zeros((0, 1, 1), np.float32))
        counted = Tally(
            {name: self.seeds[seed].answers for name, seed in models.items()},
            {name: self.pairs(candidate, seed) for name, seed in references.items()},
            nothing,
            nothing,
        )
        found = Measurements(
            split=self.config.split,
            class_names=self.class_names,
            tally=counted,
            facts=SOUND,
            **{name: Reference(digest=str(seed), version=1) for name, seed in references.items()},
        )
        # What takes the time, once for each seed and not for each pair.
        found.__dict__["metrics"] = {n: self._described(seed) for n, seed in models.items()}
        return found

    def _described(self, seed: int) -> dict[str, Any]:
        known = self.seeds[seed].described
        if not known:
            known |= {**describe(self.seeds[seed].answers, self.class_names, 0.95), "slices": {}}
        return known

    def best_beside(self, candidate: int) -> int:
        """The most accurate of all others: the hardest to stand beside of what may be pushed."""
        others = [seed for seed in range(len(self.seeds)) if seed != candidate]
        return max(others, key=lambda seed: self.seeds[seed].accuracy)

    def pairs(self, candidate: int, reference: int) -> np.ndarray:
        """(classes, 2, 2) as `Tally.right` has it."""
        ours, theirs = (self.seeds[seed].right for seed in (candidate, reference))
        classes = len(self.class_names)
        code = (self.labels * 2 + ours) * 2 + theirs
        return np.bincount(code, minlength=classes * 4).reshape(classes, 2, 2)

    def judge_all(self) -> list[list[str]]:
        """What blocks each ordered pair of different seeds."""
        return [self.blocked_by(*pair) for pair in permutations(range(len(self.seeds)), 2)]


def of_name(name: str, folder: Path, data: Path | None) -> Reseeds:
    """The seeds of a recipe, by its own rules; from idx files where a folder of them is given."""
    recipe = recipes.build(name)
    if data is not None:
        recipe = apply_settings(recipe, ["ingest.source=idx", f"ingest.path={data}"])
    return reseeds(recipe, SEEDS, folder)


def reseeds(recipe: PipelineConfig, seeds: int, folder: Path) -> Reseeds:
    return Reseeds.of(recipe.step("evaluate").config, *kept_answers(recipe, seeds, folder))
