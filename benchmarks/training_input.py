"""Measure the cost of a training's input: `benchmarks/training_input.py share|stores|memory`.

share   seconds of an epoch fed by the real pipeline, beside one fed the same chunk of images again
        and again, alternating in one process
stores  the same of `conv` on photographs at 96 x 96, raw and encoded, from memory, from the disk
        and streamed; and what it takes to decode them all at the start
memory  peak memory of a training streamed from its shards, of 60,000 and of 600,000 images, each in
        a process of its own

(`prepare` and `peak` are what `memory` calls.)

Images are random, 28 x 28, in 10 classes; the model is the recipe mnist's. Photographs are JPEGs of
224 x 224 with random smooth colours.
"""

from __future__ import annotations

import argparse
import io
import itertools
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from components import normalize, train
from components.artifacts import TransformGraph
from components.context import Context
from data.examples.artifact import Examples, Store, shard_name
from data.examples.tf_example import encode, encode_features
from data.geometry import Geometry
from data.spec import ImageSpec
from pipeline import recipes

_SHARD = 20_000
_CHUNK = 18 * 32  # photographs: a chunk of 18 steps of 32
_WHOLE_CHUNKS = 29 * 64 * 32  # images: 29 chunks of 64 steps of 32, near 60,000


def write_examples(path: Path, count: int) -> Examples:
    """Write random images, the same for the same count, in shards of 20,000."""
    rng, shards = np.random.default_rng(0), -(-count // _SHARD)
    for index in range(shards):
        some = min(_SHARD, count - index * _SHARD)
        images = rng.integers(0, 256, (some, 28, 28, 1), dtype=np.uint8)
        labels = np.arange(some) % 10
        (path / shard_name("train", index, shards)).write_bytes(encode(images, labels))
    return examples_at(path, count)


def examples_at(path: Path, count: int) -> Examples:
    spec = ImageSpec(height=28, width=28, channels=1, class_names=tuple("0123456789"))
    counts = tuple(count // 10 + (label < count % 10) for label in range(10))
    return Examples(path=path, spec=spec, counts={"train": counts})


def prepared(folder: Path, count: int) -> tuple[Examples, TransformGraph]:
    for name in ("examples", "normalize", "train"):
        (folder / name).mkdir()
    examples = write_examples(folder / "examples", count)
    made = normalize.run(
        normalize.Inputs(examples=examples),
        normalize.Config(),
        Context(output_dir=folder / "normalize"),
    )
    return examples, made.transform_graph


def config(**settings: Any) -> train.Config:
    recipe: train.Config = recipes.build("mnist").step("train").config
    return train.Config(model_options=recipe.model_options, **settings)


def share(rounds: int) -> None:
    """Print the medians of an epoch's seconds, fed for real and with one chunk, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        examples, graph = prepared(Path(folder), _WHOLE_CHUNKS)
        settings = config(epochs=1000)
        found = time_epochs(
            {kind: epoch_of(kind, examples, graph, settings) for kind in ("real", "constant")},
            rounds,
        )
    real, constant = (statistics.median(found[kind]) for kind in ("real", "constant"))
    ratios = [r / c - 1 for r, c in zip(found["real"], found["constant"], strict=True)]
    print(f"an epoch of {_WHOLE_CHUNKS:,} images, medians of {rounds}, batch 32:")
    print(f"  real input {real:.3f} s, constant {constant:.3f} s")
    print(
        f"  input's share of a step {real / constant - 1:+.1%}; median of pairs "
        f"{statistics.median(ratios):+.1%}, from {min(ratios):+.1%} to {max(ratios):+.1%}"
    )


def time_epochs(
    epochs: dict[str, Callable[[], None]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Take epochs in turn; return the seconds of each, after one that compiles."""
    found: dict[str, list[float]] = {kind: [] for kind in epochs}
    for epoch in epochs.values():
        epoch()
    for _ in range(rounds):
        for kind, epoch in epochs.items():
            started = clock()
            epoch()
            found[kind].append(clock() - started)
    return found


def stores(rounds: int, count: int, clock: Callable[[], float]) -> None:
    """Print the seconds of an epoch of `conv` for each store and cache, beside constant input."""
    settings = train.Config(model="conv", epochs=1000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        both = write_photographs(folder, count)
        context = Context(output_dir=folder / "normalize")
        context.output_dir.mkdir()
        inputs = normalize.Inputs(examples=both["raw"])
        graph = normalize.run(inputs, normalize.Config(), context).transform_graph
        epochs = {"constant": epoch_of("constant", both["raw"], graph, settings)}
        for store, cache in itertools.product(both, ("memory", "disk", "stream")):
            scratch = folder / f"{store}-{cache}"
            scratch.mkdir()
            started = clock()
            epochs[f"{store} {cache}"] = epoch_of(
                "real", both[store], graph, settings, cache, scratch
            )
            print(f"  {store} {cache}: ready after {clock() - started:.2f} s")
        found = time_epochs(epochs, rounds, clock)
    print(f"an epoch of {count:,} photographs, conv, medians of {rounds}, batch 32:")
    for kind, seconds in found.items():
        ratios = [s / c - 1 for s, c in zip(seconds, found["constant"], strict=True)]
        print(
            f"  {kind:15} {statistics.median(seconds):.3f} s, input's share of a step: median of "
            f"pairs {statistics.median(ratios):+.1%}, from {min(ratios):+.1%} to {max(ratios):+.1%}"
        )


def write_photographs(folder: Path, count: int) -> dict[str, Examples]:
    """Write the same JPEGs as encoded Examples and, decoded and fitted, as raw ones."""
    from PIL import Image

    from data.images.read_files import read_files

    names = tuple("0123456789")
    geometry = Geometry(fit="pad")
    spec = ImageSpec(height=96, width=96, channels=3, class_names=names, geometry=geometry)
    rng, files = np.random.default_rng(0), []
    for _ in range(count):
        small = Image.fromarray(rng.integers(0, 256, (14, 14, 3), dtype=np.uint8))
        file = io.BytesIO()
        small.resize((224, 224), Image.Resampling.BICUBIC).save(file, "jpeg", quality=90)
        files.append(file.getvalue())
    labels = np.arange(count) % 10
    pixels = np.stack([np.array(image.pixels) for image in read_files(files, spec, ())])
    records = {
        "raw": encode(pixels, labels),
        "encoded": b"".join(
            encode_features({"image": file, "label": int(label), "format": b"jpeg"})
            for file, label in zip(files, labels, strict=True)
        ),
    }
    counts = {"train": tuple(np.bincount(labels).tolist())}
    both: dict[str, Examples] = {}
    stores: tuple[Store, Store] = ("raw", "encoded")
    for store in stores:
        path = folder / store
        path.mkdir()
        (path / shard_name("train", 0, 1)).write_bytes(records[store])
        both[store] = Examples(path=path, spec=spec, counts=counts, store=store)
    return both


def epoch_of(
    kind: str,
    examples: Examples,
    graph: TransformGraph,
    settings: train.Config,
    cache: Any = "auto",
    scratch: Path | None = None,
) -> Callable[[], None]:
    """Return a function that takes one epoch's steps with Train's own parts."""
    import tensorflow as tf

    from components.train import devices, keras_fit
    from components.train import training as session
    from components.train.loop.compiled_steps import CompiledLoop
    from data.batches.training import plan_feed, read_training_chunks
    from serving_export.bundle.transform_graph import TransformFn

    taken: dict[str, Any] = {}

    class OneEpoch(session.Training):
        """Keeps what `train_fn` would run."""

        def run(self, step: Any, **_: Any) -> dict[str, list[float]]:
            prepare = self._preparation.prepare
            taken["loop"] = CompiledLoop(step, prepare, self.hardware, examples.spec.shape)
            return {}

    training = OneEpoch(
        examples,
        TransformFn(graph.path),
        settings,
        Context(output_dir=Path("unused")),
        devices.choose_hardware(settings),
    )
    keras_fit.train_fn(training)
    feed = plan_feed(examples, batch_size=settings.batch_size, cache=cache, scratch=scratch)
    chunks = read_training_chunks(examples, feed, epochs=settings.epochs, seed=0, scratch=scratch)
    if kind == "constant":
        chunks = tf.data.Dataset.from_tensors(next(iter(chunks))).repeat()
    iterator: Iterator[Any] = iter(chunks)

    def epoch() -> None:
        for _ in range(examples.num_examples("train") // (feed.batch_size * feed.chunk_steps)):
            images, labels = next(iterator)
            taken["loop"].call(images, labels, 0, feed.chunk_steps, feed.batch_size)
            taken["loop"].sums.means()

    return epoch


def memory(counts: tuple[int, ...] = (60_000, 600_000)) -> None:
    """Print the peak memory of one epoch at each size, and the last by the first."""
    peaks = []
    for count in counts:
        command = [sys.executable, __file__, "peak", "--count", str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout.split()[-1]))
        print(f"{count:>9,} images, streamed: peak {peaks[-1] / 1024:,.0f} MiB", flush=True)
    print(f"ratio {peaks[-1] / peaks[0]:.2f}")


def peak(count: int) -> None:
    """Train in this process on data that another prepared; print the peak memory in KiB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = [sys.executable, __file__, "prepare", "--count", str(count), "--folder", name]
        subprocess.run(before, check=True, capture_output=True)
        examples = examples_at(folder / "examples", count)
        graph = TransformGraph(path=folder / "normalize" / "transform_graph", spec=examples.spec)
        inputs = train.Inputs(examples=examples, transform_graph=graph)
        settings = config(epochs=1, cache="stream")
        train.run(inputs, settings, Context(output_dir=folder / "train"))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["share", "stores", "memory", "peak", "prepare"])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--chunks", type=int, default=2, help="of photographs")
    parser.add_argument("--cpu", action="store_true", help="count CPU seconds")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.what == "share":
        share(options.rounds)
    elif options.what == "stores":
        clock = time.process_time if options.cpu else time.perf_counter
        stores(options.rounds, options.chunks * _CHUNK, clock)
    elif options.what == "memory":
        memory()
    elif options.what == "peak":
        peak(options.count)
    else:
        prepared(options.folder, options.count)


if __name__ == "__main__":
    main()
