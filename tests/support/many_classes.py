"""Judge three models of many classes, and print by how many MiB this process grew.

`python many_classes.py FOLDER CLASSES IMAGES`, in a process of its own. The images are noise with a
feature of 11 values; the models are one layer each, with random weights.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.context import Context
from components.evaluate import Config
from components.evaluate.measure.counts import BASELINE, BEST, CANDIDATE
from components.evaluate.measure.measurements import Measurements, Reference, SanityFacts
from components.evaluate.measure.model_analysis import measure
from components.evaluate.rules import Threshold
from components.evaluate.verdict import judge
from data.examples.artifact import Examples, shard_name
from data.files.documents import write_document
from data.spec import ImageSpec
from serving_export.bundle.manifest import EXAMPLES, PROBABILITIES

SIDE = 4
SLICES = 11


def write_examples(folder: Path, classes: int, images: int) -> Examples:
    """Write images of every class in turn, in two shards."""
    draws = np.random.default_rng(1)
    folder.mkdir()
    parts = np.array_split(np.arange(images), 2)
    for shard, part in enumerate(parts):
        with tf.io.TFRecordWriter(str(folder / shard_name("test", shard, 2))) as writer:
            for index in part:
                writer.write(_example(draws.bytes(SIDE * SIDE), int(index) % classes, int(index)))
    lengths = [str(len(part)) for part in parts]
    described = {"splits": [{"name": "test", "shardLengths": lengths}]}
    (folder / "dataset_info.json").write_text(json.dumps(described), encoding="utf-8")
    counts = tuple(np.bincount(np.arange(images) % classes, minlength=classes).tolist())
    names = tuple(f"class {label}" for label in range(classes))
    spec = ImageSpec(height=SIDE, width=SIDE, channels=1, class_names=names)
    return Examples(path=folder, spec=spec, counts={"test": counts})


def _example(pixels: bytes, label: int, index: int) -> bytes:
    def of(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {
        "image": of(pixels),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        "source": of(str(index % SLICES).encode()),
    }
    found = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(found.SerializeToString(deterministic=True))


def write_bundle(folder: Path, classes: int, seed: int) -> Path:
    """Build one dense layer and a softmax, with the serving signature."""
    module = tf.Module()
    weights = np.random.default_rng(seed).normal(0, 1, (SIDE * SIDE, classes))
    module.weights = tf.Variable(weights.astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, EXAMPLES)])
    def answer(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        image = {"image": tf.io.FixedLenFeature([], tf.string)}
        pixels = tf.io.decode_raw(tf.io.parse_example(examples, image)["image"], tf.uint8)
        logits = tf.cast(tf.reshape(pixels, [-1, SIDE * SIDE]), tf.float32) / 255 @ module.weights
        return {PROBABILITIES: tf.nn.softmax(logits)}

    tf.saved_model.save(module, str(folder), signatures={EXAMPLES: answer})
    return folder


def mib(key: str) -> float:
    """Read this process's memory from /proc: VmRSS is the present, VmHWM the peak."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{key}:")[2].split()[0]) / 1024


def main(folder: Path, classes: int, images: int) -> None:
    """Measure, judge and write the verdict; print the growth in MiB, and seconds."""
    examples = write_examples(folder / "examples", classes, images)
    names = (CANDIDATE, BASELINE, BEST)
    bundles = {n: write_bundle(folder / n, classes, seed) for seed, n in enumerate(names)}
    before, started = mib("VmRSS"), time.perf_counter()
    (folder / "output").mkdir()
    context = Context(output_dir=folder / "output")
    whole, slices = measure(examples, "test", bundles, context, slices=("source",))
    measured_in = time.perf_counter() - started
    measured_at = mib("VmHWM")
    found = Measurements(
        split="test",
        class_names=examples.spec.class_names,
        tally=whole,
        slices=slices,
        facts=SanityFacts(parity=0.0, transform=0.0, trained_on=0),
        baseline=Reference(digest="b" * 64, version=1),
        best=Reference(digest="c" * 64, version=2),
    )
    rules = (Threshold(metric="auc", at_least=0.1, on="each source"),)
    verdict = judge(found, Config(thresholds=rules, slices=("source",)), "m" * 64, _ABOUT)
    write_document(folder / "verdict.json", verdict)
    print(f"base {before:.0f} measured {measured_at:.0f} s {measured_in:.1f}", file=sys.stderr)
    print(f"all s {time.perf_counter() - started:.1f}", file=sys.stderr)
    print(mib("VmHWM") - before)


_ABOUT: dict[str, dict[str, str]] = {"data": {}, "code": {}}

if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
