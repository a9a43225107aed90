"""Measure the speed of ingest, and how its memory grows with the data.

    python benchmarks/ingest.py              # 70,000 images like MNIST's, made here
    python benchmarks/ingest.py --path DIR   # the four IDX files in DIR

Goals: 70,000 images IDX → Examples in 5 s beside the imports; ten times the images take less than
1.2 times the memory. One image per Beam element took 15-18 s for 60,000. Each line is a process of
its own; peak memory is what the operating system saw, libraries included.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from components import ingest
from components.context import Context
from data.sources import CHUNK_IMAGES, Chunk, Part, SourceConfig
from data.spec import ImageSpec

_TEST_IMAGES = 10_000
_PART_IMAGES = 20_000


class Synthetic:
    """`options["train"]` noisy images of 28 x 28 to train on and 10,000 to test, made on the go."""

    def __init__(self, config: SourceConfig) -> None:
        self._count = {"train": int(config.options["train"]), "test": _TEST_IMAGES}

    def spec(self) -> ImageSpec:
        names = tuple(map(str, range(10)))
        return ImageSpec(height=28, width=28, channels=1, class_names=names)

    def parts(self) -> list[Part]:
        return [
            Part(split, index, start, min(start + _PART_IMAGES, count))
            for split, count in self._count.items()
            for index, start in enumerate(range(0, count, _PART_IMAGES))
        ]

    def num_images(self) -> int:
        return sum(self._count.values())

    def read(self, part: Part) -> Iterator[Chunk]:
        rng = np.random.default_rng([part.index, part.split == "test"])
        for start in range(part.start, part.stop or 0, CHUNK_IMAGES):
            count = min(CHUNK_IMAGES, (part.stop or 0) - start)
            images = rng.integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)
            images[:, :4] = images[:, -4:] = 0  # a margin, as MNIST's
            yield Chunk(images, rng.integers(0, 10, count))


def write_idx(folder: Path) -> None:
    """Write synthetic images as MNIST's four files."""
    source = Synthetic(SourceConfig(options={"train": 60_000}))
    for split, prefix in {"train": "train", "test": "t10k"}.items():
        chunks = [c for p in source.parts() if p.split == split for c in source.read(p)]
        arrays = [np.concatenate(a) for a in zip(*chunks, strict=True)]
        for kind, array in zip(("images", "labels"), arrays, strict=True):
            array = array.astype(np.uint8).reshape(array.shape[:3])
            header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
            path = folder / f"{prefix}-{kind}-idx{array.ndim}-ubyte.gz"
            path.write_bytes(gzip.compress(header + array.tobytes(), 6))


def measure(settings: dict[str, object]) -> None:
    """Ingest in this process; print seconds and memory as JSON."""
    started = time.perf_counter()
    for library in ("tensorflow_datasets", "components.beam", "data.examples.write"):
        importlib.import_module(library)
    imported = time.perf_counter()
    before = peak_mib()
    with tempfile.TemporaryDirectory() as folder:
        config = ingest.Config(**settings)  # type: ignore[arg-type]
        made = ingest.run(ingest.Inputs(), config, Context(output_dir=Path(folder)))
        images = sum(made.examples.num_examples(split) for split in made.examples.counts)
    facts = {
        "images": images,
        "imports": imported - started,
        "seconds": time.perf_counter() - imported,
        "before": before,
        "peak": peak_mib(),
        "tensorflow": "tensorflow" in sys.modules,
    }
    print(json.dumps(facts))


def peak_mib() -> float:
    """Read the peak memory of this process; getrusage would include its parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def show(name: str, **settings: object) -> float:
    """Measure in a fresh process, print a line; returns the peak memory in MiB."""
    command = [sys.executable, __file__, "--measure", json.dumps(settings)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    facts = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{name:<24} {facts['images']:>8,} images  {facts['seconds']:6.2f} s"
        f"  + imports {facts['imports']:5.2f} s{' with TensorFlow' * facts['tensorflow']}"
        f"  peak {facts['peak']:6.0f} MiB, {facts['before']:.0f} of it libraries",
        flush=True,
    )
    return float(facts["peak"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--path", help="folder with the four IDX files")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(json.loads(options.measure))
        return
    with tempfile.TemporaryDirectory() as folder:
        if not options.path:
            write_idx(Path(folder))
        path = options.path or folder
        show("idx, gzip", source="idx", path=path)
        show("idx, gzip, validation", source="idx", path=path, validation_share=0.1)
    source = "ingest:Synthetic" if __name__ == "__main__" else f"{__name__}:Synthetic"
    one, ten = (
        show(f"synthetic, {n} x", source=source, options={"train": n * 60_000}) for n in (1, 10)
    )
    print(f"peak memory of 10 x the data: {ten / one:.2f} times that of 1 x (goal: less than 1.2)")


if __name__ == "__main__":
    main()
