"""Time the tutorials' training, plain and by Penstock, side by side in one process.

    python benchmarks/tutorials.py --path MNIST_DIR --fashion-path FASHION_DIR
    python benchmarks/tutorials.py --path MNIST_DIR --recipe mnist --rounds 1 --epochs 1

Plain is `model.fit` on float NumPy arrays, for the from-scratch one its eager loop; see plain.py.
Its seconds are of fitting alone, with no progress bar, on arrays in memory, already divided by 255.
Ours is the component Train, with checkpoints and logs as in a run; its seconds are of the whole
training: building the model, reading the examples, compiling, all epochs. The whole component
writes the serving bundle as well. Examples and transform graph are made once, before.

The machine's speed drifts and the first to run may pay for the second: each round measures the
two of a pair directly after one another, and who is first changes with the round. Seconds are
medians of the rounds, with the range. Both sides of a pair take the same number of optimizer steps.

Goals: the sum of ours is at most 0.4 of plain's, each Keras recipe at most 0.5.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from accuracy import TUTORIALS, add_data_options, configured, prepared
from plain import PLAIN, Arrays, Measured

from components import train
from components.artifacts import Examples
from components.context import Context
from data.batches.sequential import read_batches
from data.files.durable_files import read_json
from serving_export.bundle.saved_model import load_bundle

SUM_GOAL, EACH_GOAL = 0.4, 0.5
EAGER = "mnist_from_scratch"  # whose plain way is no Keras fit, so that EACH_GOAL is not its


def ours(inputs: train.Inputs, config: train.Config, arrays: Arrays, seed: int) -> Measured:
    """Train with the component; measure accuracy by the exported signature."""
    with tempfile.TemporaryDirectory() as name:
        output, work, logs = (Path(name, part) for part in ("output", "work", "logs"))
        for folder in (output, work, logs):
            folder.mkdir()
        started = time.perf_counter()
        context = Context(output_dir=output, work_dir=work, log_dir=logs, seed=seed)
        model = train.run(inputs, config, context).model
        whole = time.perf_counter() - started
        history = read_json(model.path / "history.json")
        answer = load_bundle(model.bundle)("images", arrays.test_images[..., np.newaxis])
    return Measured(
        seconds=history["seconds"],
        accuracy=float(np.mean(answer["class_index"] == arrays.test_labels)),
        steps=history["steps_per_epoch"] * len(history["loss"]),
        whole=whole,
    )


def read_arrays(examples: Examples) -> Arrays:
    """Load the images that Penstock reads, in the same order."""
    (train_images, train_labels), (test_images, test_labels) = (
        next(iter(read_batches(examples, split, batch_size=1_000_000).as_numpy_iterator()))
        for split in ("train", "test")
    )
    return Arrays(
        train_images=train_images[..., 0],
        train_labels=train_labels.astype(np.uint8),
        test_images=test_images[..., 0],
        test_labels=test_labels.astype(np.uint8),
    )


def measure(
    recipe: str, options: argparse.Namespace, root: Path
) -> tuple[list[Measured], list[Measured]]:
    """A recipe's rounds, plain and ours."""
    pipeline = configured(recipe, options)
    inputs, config = prepared(pipeline, root), pipeline.step("train").config
    config = dataclasses.replace(config, epochs=options.epochs or config.epochs)
    arrays = read_arrays(inputs.examples)
    ways: dict[str, Callable[[int], Measured]] = {
        "plain": lambda seed: PLAIN[recipe](arrays, config.epochs),
        "ours": lambda seed: ours(inputs, config, arrays, seed),
    }
    found: dict[str, list[Measured]] = {"plain": [], "ours": []}
    for number in range(options.rounds):
        for way in list(ways)[:: 1 if number % 2 == 0 else -1]:
            keras.backend.clear_session()
            gc.collect()
            keras.utils.set_random_seed(number)
            found[way].append(ways[way](number))
            took = f"{found[way][-1].seconds:.1f} s, accuracy {found[way][-1].accuracy:.4f}"
            print(f"{recipe}, round {number}, {way}: {took}", file=sys.stderr)
        plain, mine = found["plain"][-1], found["ours"][-1]
        assert plain.steps == mine.steps, "both sides are to take the same number of steps"
    return found["plain"], found["ours"]


def median(figures: Sequence[float]) -> str:
    return f"{statistics.median(figures):.1f} ({min(figures):.1f}–{max(figures):.1f})"


def row(recipe: str, plain: Sequence[Measured], mine: Sequence[Measured]) -> tuple[float, float]:
    """Print a recipe's line of the table; returns the medians of the seconds, plain and ours."""
    seconds = [[m.seconds for m in side] for side in (plain, mine)]
    medians = statistics.median(seconds[0]), statistics.median(seconds[1])
    ratios = [b / a for a, b in zip(*seconds, strict=True)]
    accuracies = [statistics.mean(m.accuracy for m in side) for side in (plain, mine)]
    cells = [
        f"`{recipe}`",
        *map(median, seconds),
        f"{medians[1] / medians[0]:.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
        "" if recipe == EAGER else f"≤ {EACH_GOAL}",
        median([m.whole for m in mine]),
        f"{mine[0].steps:,}",
        *(f"{accuracy:.4f}" for accuracy in accuracies),
    ]
    print(f"| {' | '.join(cells)} |")
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", action="append", choices=list(TUTORIALS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="other than the recipes' own, to try it out")
    add_data_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        found = {r: measure(r, options, Path(root)) for r in options.recipe or TUTORIALS}
    print(
        "| recipe | plain, s | ours, s | ratio | goal | whole component, s | steps "
        "| plain's accuracy | ours |"
    )
    print("|---" * 9 + "|")
    medians = [row(recipe, *sides) for recipe, sides in found.items()]
    plain, mine = (sum(side) for side in zip(*medians, strict=True))
    print(f"| sum | {plain:.1f} | {mine:.1f} | {mine / plain:.2f} | ≤ {SUM_GOAL} | | | | |")


if __name__ == "__main__":
    main()
