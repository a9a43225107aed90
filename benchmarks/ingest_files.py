"""Measure the ingest of image files: MNIST as PNG files, and JPEGs of 224 x 224.

    python benchmarks/ingest_files.py --path DIR            # MNIST's IDX files in DIR
    python benchmarks/ingest_files.py --path DIR --files 7000 --jpegs 2000
    python benchmarks/ingest_files.py --jpegs 0 --cached 100000

Goals: 70,000 PNG files → sealed Examples no slower than reading them once with
`tfds.folder_dataset.ImageFolder`, and in 20 s beside imports; peak memory of ten times the JPEGs at
most 1.2 times; a run in which the ingest of 100,000 files is cached in 5 s. Each line is a process
of its own; CPU is what its threads took together.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from timing import median_of, penstock, seconds

_SIDE = 224


def write_pngs(idx: Path, folder: Path, count: int) -> None:
    """Write the first images of MNIST as PNG files `split/class/number.png`, a seventh as test."""
    from data.sources import SourceConfig, make_source

    source = make_source("idx", SourceConfig(path=str(idx)))
    wanted = {"train": count - count // 7, "test": count // 7}
    for part in source.parts():  # type: ignore[union-attr]
        for chunk in source.read(part):  # type: ignore[union-attr]
            for image, label in zip(chunk.images, chunk.labels, strict=True):
                if wanted[part.split]:
                    wanted[part.split] -= 1
                    path = folder / part.split / str(label) / f"{wanted[part.split]:05d}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(image[..., 0]).save(path)


def write_jpegs(folder: Path, count: int) -> None:
    """Write smooth colourful JPEGs of 224 x 224 in two class folders."""
    rng = np.random.default_rng(0)
    for index in range(count):
        small = rng.integers(0, 256, (14, 14, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        path = folder / f"{index % 2}" / f"{index:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        image.save(file, "jpeg", quality=85)
        path.write_bytes(file.getvalue())


def ingest_files(path: str, **settings: object) -> int:
    """Ingest a folder; returns the number of images."""
    from components import ingest
    from components.context import Context

    with tempfile.TemporaryDirectory() as folder:
        config = ingest.Config(source="image_folder", path=path, **settings)  # type: ignore[arg-type]
        context = Context(output_dir=Path(folder))
        examples = ingest.run(ingest.Inputs(), config, context).examples
        return sum(map(sum, examples.counts.values()))


def read_with_tfds(path: str) -> int:
    """Read a folder once with TensorFlow Datasets; returns the number of images."""
    import tensorflow_datasets as tfds

    builder = tfds.folder_dataset.ImageFolder(path)
    count = 0
    for split in builder.info.splits:
        dataset = builder.as_dataset(split=split, batch_size=256)
        count += sum(len(batch["label"]) for batch in dataset)
    return count


def decode_alone(path: str) -> int:
    """Read and decode all JPEGs of a folder in tf.data, and nothing else."""
    import tensorflow as tf

    def decode(file: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_jpeg(tf.io.read_file(file), 3, dct_method="INTEGER_ACCURATE")

    files = tf.data.Dataset.list_files(f"{path}/*/*.jpg", shuffle=False)
    images = files.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(64)
    return sum(len(batch) for batch in images)


MEASURED: dict[str, tuple[Callable[..., int], tuple[str, ...]]] = {
    "ingest": (
        ingest_files,
        ("tensorflow", "tensorflow_datasets", "apache_beam", "components.ingest.files"),
    ),
    "tfds": (read_with_tfds, ("tensorflow", "tensorflow_datasets")),
    "decode": (decode_alone, ("tensorflow",)),
}


def measure(name: str, settings: dict[str, object]) -> None:
    """Measure in this process; print seconds and memory as JSON."""
    function, libraries = MEASURED[name]
    for library in libraries:
        importlib.import_module(library)
    started, cpu = time.perf_counter(), time.process_time()
    images = function(**settings)
    facts = {
        "images": images,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "peak": int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])
        / 1024,
    }
    print(json.dumps(facts))


def show(text: str, name: str, **settings: object) -> dict[str, float]:
    """Measure in a fresh process and print a line."""
    command = [sys.executable, __file__, "--measure", name, json.dumps(settings)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    facts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{text:<34} {facts['images']:>7,} images {facts['seconds']:7.2f} s"
        f"  CPU {facts['cpu']:7.2f} s  {facts['images'] / facts['seconds']:7,.0f} images/s"
        f"  peak {facts['peak']:6.0f} MiB",
        flush=True,
    )
    return facts


def compare_pngs(idx: Path, count: int) -> None:
    """Compare ingest of MNIST's PNG files with reading them by TensorFlow Datasets."""
    with tempfile.TemporaryDirectory() as folder:
        write_pngs(idx, Path(folder), count)
        theirs = show("PNG: tfds ImageFolder, read once", "tfds", path=folder)
        for store in ("raw", "encoded"):
            ours = show(f"PNG: ingest, {store}", "ingest", path=folder, store=store)
            print(
                f"  {ours['seconds'] / theirs['seconds']:.2f} times the seconds, "
                f"{ours['cpu'] / theirs['cpu']:.2f} times the CPU (goal: at most 1)"
            )


def compare_jpegs(count: int) -> None:
    """Measure JPEGs: images per second, the share of pure decoding, memory of ten times as many."""
    peaks = {}
    for images in (count // 10, count):
        with tempfile.TemporaryDirectory() as folder:
            write_jpegs(Path(folder), images)
            alone = show("JPEG: decoded alone", "decode", path=folder)
            settings = {"path": folder, "height": 96, "width": 96, "fit": "stretch"}
            for store in ("raw", "encoded"):
                ours = show(
                    f"JPEG to 96 x 96: ingest, {store}",
                    "ingest",
                    **settings,
                    store=store,
                    test_share=0.2,
                    validation_share=0.1,
                )
                print(f"  decoding is {alone['cpu'] / ours['cpu']:.0%} of the CPU")
                peaks[images, store] = ours["peak"]
    for store in ("raw", "encoded"):
        ratio = peaks[count, store] / peaks[count // 10, store]
        print(f"peak memory of ten times the JPEGs, {store}: {ratio:.2f} times (goal: 1.2)")


def measure_cached(count: int) -> None:
    """Measure a run of ingest alone on small PNG files, and the same run again: it is cached."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as root:
        for index in range(count):
            path = Path(folder, str(index % 10), f"{index:06d}.png")
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
        command = penstock(
            *("run", "image_folder", "--only", "ingest", "--root", root),
            *("--set", f"ingest.path={folder}", "--set", "ingest.channels=1"),
        )
        print(f"{count:,} files, ingested {seconds(command)[0]:6.2f} s", flush=True)
        print(f"  cached {median_of(seconds(command, 5))} (goal: 5 s for 100,000)")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--path", type=Path, help="folder with MNIST's four IDX files")
    parser.add_argument("--files", type=int, default=70_000, help="PNG files")
    parser.add_argument("--jpegs", type=int, default=20_000)
    parser.add_argument("--cached", type=int, default=0, help="files of a run that is cached")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], json.loads(options.measure[1]))
        return
    if options.path:
        compare_pngs(options.path, options.files)
    if options.jpegs:
        compare_jpegs(options.jpegs)
    if options.cached:
        measure_cached(options.cached)


if __name__ == "__main__":
    main()
