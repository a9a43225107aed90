"""Measure the cost of a verdict: `python benchmarks/evaluate.py speed|growth --path MNIST_DIR`.

speed   seconds from a candidate to its verdict on 10,000 images: candidate and baseline, 11 slices,
        one pass; beside Keras's `model.evaluate` of the candidate alone on the same images, in
        turns in one process, imports apart
growth  seconds and peak memory at 10,000 and at 100,000 images, each in a process of its own

(`judge` is what `growth` calls.)

The images are MNIST's test split, for 100,000 ten times over; the models are the recipe's, trained
for one epoch.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timing import HOME

from components import evaluate, train
from components.artifacts import Model
from components.context import Context
from data.examples.artifact import Examples, load_examples, shard_name, write_description
from pipeline import recipes
from pipeline.config.graph import PipelineConfig
from pipeline.config.overrides import apply_settings
from pipeline.run import run

_NAME = "mnist"  # of the model that serves
_TIMES = 10  # how often "growth" repeats the split


def recipe(path: Path) -> PipelineConfig:
    settings = ["ingest.source=idx", f"ingest.path={path}", "train.epochs=1"]
    return apply_settings(recipes.build("mnist"), settings)


def prepare(path: Path, folder: Path) -> tuple[Examples, Model]:
    """Make examples, a candidate, and a baseline that serves from `folder/serving`."""
    from serving_export.model_store.push import push

    pipeline = recipe(path)
    made = run(pipeline, root=folder / "root", last="normalize").outputs
    examples = made["ingest"].examples
    inputs = train.Inputs(examples=examples, transform_graph=made["normalize"].transform_graph)
    models = []
    for seed in range(2):
        context = Context(output_dir=new(folder / f"train-{seed}"), seed=seed)
        models.append(train.run(inputs, pipeline.step("train").config, context).model)
    candidate, baseline = models
    push(baseline.bundle, folder / "serving", _NAME, digest=baseline.digest, record={})
    return examples, candidate


def repeated(examples: Examples, path: Path, times: int) -> Examples:
    """Repeat the test split."""
    new(path)
    shards = examples.shards("test") * times
    for index, shard in enumerate(shards):
        (path / shard_name("test", index, len(shards))).symlink_to(shard)
    info = json.loads((examples.path / "dataset_info.json").read_text())
    for split in info["splits"]:
        split["shardLengths"] *= times
    (path / "dataset_info.json").write_text(json.dumps(info))
    counts = {"test": tuple(count * times for count in examples.counts["test"])}
    found = dataclasses.replace(examples, path=path, counts=counts)
    write_description(found, {})
    return found


def new(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def import_all() -> float:
    """Import the libraries that a verdict needs. Returns the seconds."""
    started = time.perf_counter()
    import components.evaluate.assess
    import components.evaluate.measure.model_analysis  # noqa: F401

    return time.perf_counter() - started


def judge(examples: Examples, model: Model, folder: Path) -> float:
    """Measure the seconds to the verdict, by the recipe's complete rules."""
    started = time.perf_counter()
    context = Context(
        output_dir=Path(tempfile.mkdtemp(dir=folder)),
        serving_dir=folder / "serving",
        model_name=_NAME,
    )
    config = recipes.build("mnist").step("evaluate").config
    inputs = evaluate.Inputs(examples=examples, model=model)
    found = evaluate.run(inputs, config, context).verdict
    elapsed = time.perf_counter() - started
    verdict = json.loads((found.path / evaluate.VERDICT).read_text())
    assert verdict["data"]["examples"] == examples.num_examples("test")
    assert verdict["metrics"]["baseline"], "no baseline was measured"
    return elapsed


def keras_evaluate(examples: Examples, model: Model) -> Callable[[], Any]:
    """Return a function that evaluates the candidate as the tutorials do, on float arrays."""
    import keras
    import numpy as np

    from components.models.dense import build_model
    from data.batches.sequential import read_batches
    from serving_export.bundle.manifest import WEIGHTS
    from serving_export.bundle.saved_model import load_bundle

    network = build_model(model.spec, recipes.build("mnist").step("train").config.model_options)
    bundle = load_bundle(model.bundle, model.digest)
    network.set_weights([variable.numpy() for variable in getattr(bundle.saved, WEIGHTS)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(loss=loss, metrics=["accuracy"])
    found = list(read_batches(examples, "test", batch_size=1000).as_numpy_iterator())
    images, labels = (np.concatenate(parts) for parts in zip(*found, strict=True))
    scaled = images / np.float32(255)
    return lambda: network.evaluate(scaled, labels, verbose=0)


def speed(path: Path, rounds: int) -> None:
    """Print the first and the median seconds of both, and whether the goal is met."""
    with tempfile.TemporaryDirectory() as name:
        examples, model = prepare(path, Path(name))
        imports = import_all()
        keras_s, gate_s = [], []
        evaluate_once = keras_evaluate(examples, model)
        for _ in range(rounds):
            started = time.perf_counter()
            evaluate_once()
            keras_s.append(time.perf_counter() - started)
            gate_s.append(judge(examples, model, Path(name)))
    print(f"{examples.num_examples('test'):,} images; imports {imports:.1f} s more, not counted")
    for what, found in (
        ("model.evaluate, the candidate", keras_s),
        ("the verdict, candidate and baseline, 11 slices", gate_s),
    ):
        print(
            f"  {what}: first {found[0]:.2f} s, median of {rounds} {statistics.median(found):.2f} s"
        )
    goal = 2 * statistics.median(keras_s) + 4
    met = "met" if max(gate_s[0], statistics.median(gate_s)) <= goal else "missed"
    print(f"  goal, twice the median + 4 s: {goal:.2f} s, {met}")


def growth(path: Path) -> None:
    """Print seconds and peak memory at both sizes, and their ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        examples, model = prepare(path, folder)
        seconds, peaks = [], []
        for some in (examples, repeated(examples, folder / "more", _TIMES)):
            words = ["--folder", name, "--examples", str(some.path), "--model", str(model.path)]
            command = [sys.executable, __file__, "judge", *words, "--digest", model.digest]
            environment = {**os.environ, "PYTHONPATH": HOME}
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=environment
            )
            second, peak = map(float, done.stdout.split()[-2:])
            seconds.append(second)
            peaks.append(peak)
            number = some.num_examples("test")
            print(f"{number:>9,} images: {second:6.2f} s, peak {peak / 1024:,.0f} MiB", flush=True)
    time_ratio, memory_ratio = seconds[1] / seconds[0], peaks[1] / peaks[0]
    print(f"seconds x {time_ratio:.2f}, goal 8: {'met' if time_ratio <= 8 else 'missed'}")
    print(f"memory  x {memory_ratio:.2f}, goal 1.2: {'met' if memory_ratio <= 1.2 else 'missed'}")


def judge_alone(options: argparse.Namespace) -> None:
    """Print seconds, imports apart, and the peak memory in KiB of this process."""
    examples = load_examples(options.examples)
    model = Model(path=options.model, spec=examples.spec, digest=options.digest)
    import_all()
    seconds = judge(examples, model, options.folder)
    print(seconds, peak_kib())


def peak_kib() -> int:
    """Read the peak memory of this process; getrusage would include its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed", "growth", "judge"])
    parser.add_argument("--path", type=Path, help="folder with MNIST's four IDX files")
    parser.add_argument("--rounds", type=int, default=5)
    for name in ("folder", "examples", "model"):
        parser.add_argument(f"--{name}", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--digest", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "judge":
        judge_alone(options)
    elif options.path is None:
        parser.error("--path is needed: the folder with MNIST's four IDX files")
    elif options.what == "speed":
        speed(options.path, options.rounds)
    else:
        growth(options.path)


if __name__ == "__main__":
    main()
