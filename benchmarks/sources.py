"""Measure the sources: 70,000 images in each format → sealed Examples, and how memory grows.

    python benchmarks/sources.py speed                  # 70,000 images like MNIST's, made here
    python benchmarks/sources.py speed --images 7000 npz parquet
    python benchmarks/sources.py growth                 # 60,000 and 600,000 images

Beside each source stands what its users would write: a loop over the images by NumPy, pandas,
pyarrow or tf.data, which decodes each; once alone, once writing tf.Examples by TensorFlow too.
Goals: no slower than 1.5 times of the latter; memory at ten times the images at most 1.2 times.
Each figure is a process of its own, CPU seconds beside the imports; the peak includes libraries.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from components import ingest
from components.context import Context

HOME = Path(__file__).parents[1]
sys.path.insert(0, str(HOME / "tests" / "support"))  # the writers of all formats

Pairs = Iterator[tuple[np.ndarray, int]]
_NAMES = tuple("0123456789")
# imported before the clock starts
_INGEST = ["components.beam", "components.ingest.files", "data.examples.write"]
_LIBRARIES = {
    "pixels_csv": ["pandas"],
    "parquet": ["pyarrow.parquet", "PIL.Image", "data.images.read_files", "tensorflow"],
    "image_folder": ["PIL.Image", "data.images.read_files", "tensorflow"],
    "tfrecord, encoded": ["data.images.read_files", "tensorflow"],
    "tfrecord, raw": ["tensorflow"],
    "tfds_dir": ["tensorflow_datasets", "tensorflow"],
    "tfds_dir, files": ["tensorflow_datasets", "data.images.read_files", "tensorflow"],
}
_GROWING = ("npz", "idx", "pixels_csv", "parquet", "tfrecord, encoded", "tfrecord, raw")


def read_npz(folder: Path) -> Pairs:
    with np.load(folder / "a.npz") as arrays:
        for split in ("train", "test"):
            yield from zip(arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True)


def read_idx(folder: Path) -> Pairs:
    for prefix in ("train", "t10k"):
        images, labels = (
            np.frombuffer(
                gzip.decompress((folder / f"{prefix}-{kind}-ubyte.gz").read_bytes()), "u1"
            )
            for kind in ("images-idx3", "labels-idx1")
        )
        yield from zip(images[16:].reshape(-1, 28, 28, 1), labels[8:], strict=True)


def read_cifar(folder: Path) -> Pairs:
    for file in sorted(folder.iterdir()):
        rows = np.fromfile(file, "u1").reshape(-1, 3073)
        yield from zip(
            rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0], strict=True
        )


def read_csv(folder: Path) -> Pairs:
    import pandas as pd

    for split in ("train", "test"):
        table = pd.read_csv(folder / f"{split}.csv.gz", dtype="uint8")
        images = table.drop(columns="label").to_numpy().reshape(-1, 28, 28, 1)
        yield from zip(images, table["label"], strict=True)


def read_parquet(folder: Path) -> Pairs:
    import pyarrow.parquet as pq

    for file in sorted(folder.iterdir()):
        for batch in pq.ParquetFile(file).iter_batches():
            for row in batch.to_pylist():
                yield decode(row["image"]["bytes"]), row["label"]


def read_folder(folder: Path) -> Pairs:
    for file in sorted(folder.rglob("*.jpg")):
        yield decode(file.read_bytes()), int(file.parent.name)


def decode(content: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)[..., np.newaxis]


def read_encoded(folder: Path) -> Pairs:
    return _read_records(folder, "image/encoded", "image/class/label", "")


def read_raw(folder: Path) -> Pairs:
    return _read_records(folder, "image", "label", "GZIP")


def _read_records(folder: Path, image: str, label: str, compression: str) -> Pairs:
    import tensorflow as tf

    features = {
        image: tf.io.FixedLenFeature([], tf.string),
        label: tf.io.FixedLenFeature([], tf.int64),
    }

    def parse(record: Any) -> Any:
        example = tf.io.parse_single_example(record, features)
        if compression:
            pixels = tf.reshape(tf.io.decode_raw(example[image], tf.uint8), (28, 28, 1))
        else:
            pixels = tf.io.decode_png(example[image])
        return pixels, example[label]

    files = sorted(map(str, folder.iterdir()))
    return tf.data.TFRecordDataset(files, compression).map(parse).as_numpy_iterator()


def read_tfds(folder: Path) -> Pairs:
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(folder / "mine" / "1.0.0")
    for split in ("train", "test"):
        for example in builder.as_dataset(split=split).as_numpy_iterator():
            yield example["image"], example["label"]


READERS: dict[str, Callable[[Path], Pairs]] = {
    "npz": read_npz,
    "idx": read_idx,
    "cifar_binary": read_cifar,
    "pixels_csv": read_csv,
    "image_folder": read_folder,
    "parquet": read_parquet,
    "tfrecord, encoded": read_encoded,
    "tfrecord, raw": read_raw,
    "tfds_dir": read_tfds,
    "tfds_dir, files": read_tfds,
}


def make_images(number: int, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Make images of a bright disk on black, which compress about as MNIST's do."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    centres = rng.uniform(8, 20, (number, 2, 1, 1)).astype(np.float32)
    images = np.empty((number, *shape), np.uint8)
    for start in range(0, number, 10_000):
        part = slice(start, start + 10_000)
        far = np.hypot(rows - centres[part, 0], columns - centres[part, 1])
        images[part] = np.clip(300 - 50 * far, 0, 255).astype(np.uint8)[..., np.newaxis]
    images[:, 10:18, 10:18] ^= rng.integers(0, 256, (number, 8, 8, 1), np.uint8)
    return images, rng.integers(0, 10, number)


def measure(how: str, form: str, folder: Path, settings: dict[str, Any]) -> None:
    """Ingest, or read as a user would, in this process; print the figures as JSON."""
    by_how = {"ingest": _INGEST, "write": ["tensorflow"], "read": []}
    for library in [*by_how[how], *_LIBRARIES.get(form, [])]:
        importlib.import_module(library)
    before, started = peak_mib(), os.times()
    if how == "ingest":
        with tempfile.TemporaryDirectory() as out:
            context = Context(output_dir=Path(out), beam_args=("--runner=FnApiRunner",))
            made = ingest.run(ingest.Inputs(), ingest.Config(**settings), context).examples
            images = sum(made.num_examples(split) for split in made.counts)
    else:
        images = (
            write(READERS[form](folder))
            if how == "write"
            else sum(1 for _ in READERS[form](folder))
        )
    used = os.times()
    cpu = sum(used[:4]) - sum(started[:4])
    print(json.dumps({"images": images, "cpu": cpu, "before": before, "peak": peak_mib()}))


def write(pairs: Pairs) -> int:
    """Write tf.Examples by TensorFlow, as a user would."""
    import tensorflow as tf
    import tfrecord_files

    number = 0
    with tempfile.TemporaryDirectory() as out, tf.io.TFRecordWriter(f"{out}/a.tfrecord") as writer:
        for image, label in pairs:
            features = {"image": image.tobytes(), "label": int(label)}
            writer.write(tfrecord_files.make_example(features))
            number += 1
    return number


def peak_mib() -> float:
    """Read the peak memory of this process; getrusage would include its parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def run(how: str, form: str, folder: Path, settings: dict[str, Any]) -> dict[str, float]:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--measure", how, form, str(folder), json.dumps(settings)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(HOME)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    facts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return facts


def make_data(form: str, number: int, folder: Path) -> dict[str, Any]:
    """Write images in a format, a seventh of them as test; returns the settings of Ingest."""
    import formats

    shape = {"cifar_binary": (32, 32, 3), "tfds_dir, files": (28, 28, 3)}.get(form, (28, 28, 1))
    images, labels = make_images(number, shape)
    if form == "tfds_dir, files":  # as files, which may have any size
        form, images = "tfds_dir", np.array([*map(formats.encode, images)], dtype=object)
    cut = number - number // 7
    splits = {"train": (images[:cut], labels[:cut]), "test": (images[cut:], labels[cut:])}
    return {**formats.WRITERS[form](folder, splits, _NAMES), "store": "raw"}


def compare_speed(form: str, number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = make_data(form, number, Path(folder))
        ours, reads, writes = (
            run(how, form, Path(folder), settings) for how in ("ingest", "read", "write")
        )
    assert ours["images"] == reads["images"] == writes["images"] == number
    print(
        f"{form:<18} {ours['cpu']:6.2f} s  reading alone {reads['cpu']:6.2f} s, and writing "
        f"{writes['cpu']:6.2f} s: {ours['cpu'] / writes['cpu']:.2f} times"
        f"  peak {ours['peak']:.0f} MiB, {ours['before']:.0f} of it libraries;"
        f" theirs {writes['peak']:.0f}",
        flush=True,
    )


def compare_memory(form: str, number: int) -> None:
    peaks = []
    for count in (number, 10 * number):
        with tempfile.TemporaryDirectory() as folder:
            settings = make_data(form, count, Path(folder))
            peaks.append(run("ingest", form, Path(folder), settings)["peak"])
    print(
        f"{form:<18} {peaks[0]:.0f} MiB at {number:,} images, {peaks[1]:.0f} at {10 * number:,}: "
        f"{peaks[1] / peaks[0]:.2f} times (goal: at most 1.2)",
        flush=True,
    )


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        how, form, folder, settings = sys.argv[2:]
        measure(how, form, Path(folder), json.loads(settings))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "growth"))
    parser.add_argument("forms", nargs="*", help=f"some of: {'; '.join(READERS)}")
    parser.add_argument("--images", type=int)
    options = parser.parse_intermixed_args()
    if options.what == "speed":
        for form in options.forms or READERS:
            compare_speed(form, options.images or 70_000)
    else:
        for form in options.forms or _GROWING:
            compare_memory(form, options.images or 60_000)


if __name__ == "__main__":
    main()
