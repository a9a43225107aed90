"""Measure the served geometry: `python benchmarks/served_photograph.py`.

One JPEG of 12 megapixels, 4000 x 3000, to 96 x 96, in a traced function each: Penstock's
`read_images`, as `serving_default` calls it, beside plain `tf.io.decode_jpeg` and
`tf.image.resize`. Milliseconds and CPU milliseconds a photograph, the two alternating in one
process; and the peak memory above idle of one call, each in a process of its own.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIZE = (3000, 4000)
TARGET = 96
TIMES = 7
WAYS = ("plain", "penstock")


def make_photograph() -> bytes:
    """Make a JPEG of a smooth picture with some noise."""
    from PIL import Image

    draw = np.random.default_rng(0)
    coarse = Image.fromarray(draw.integers(0, 256, (30, 40, 3), np.uint8))
    smooth = np.asarray(coarse.resize(SIZE[::-1], Image.Resampling.BICUBIC)).astype(np.int16)
    pixels = (smooth + draw.integers(-8, 9, smooth.shape)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def make_reader(way: str) -> Callable[[Any], Any]:
    import tensorflow as tf

    from data.geometry import Geometry
    from data.images.fit import read_images
    from data.spec import ImageSpec

    spec = ImageSpec(
        height=TARGET,
        width=TARGET,
        channels=3,
        class_names=("a", "b"),
        geometry=Geometry(fit="stretch"),
    )

    def read_plainly(file: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_jpeg(file, channels=3)
        resized = tf.image.resize(pixels, (TARGET, TARGET), antialias=True)
        return tf.cast(tf.round(resized), tf.uint8)

    def read(files: tf.Tensor) -> tf.Tensor:
        if way == "penstock":
            return read_images(files, spec)
        kind = tf.TensorSpec([TARGET, TARGET, 3], tf.uint8)
        return tf.map_fn(read_plainly, files, fn_output_signature=kind)

    signature = [tf.TensorSpec([None], tf.string)]
    function: Callable[[Any], Any] = tf.function(read, input_signature=signature, autograph=False)
    return function


def measure_peak(way: str) -> int:
    """Return the MiB by which one call raised the peak of this process."""
    import tensorflow as tf

    read, tiny = make_reader(way), io.BytesIO()
    from PIL import Image

    photograph = make_photograph()
    Image.new("RGB", (8, 8)).save(tiny, "JPEG")
    read(tf.constant([tiny.getvalue()]))
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak counts from here
    before = _read_peak()
    read(tf.constant([photograph]))
    return (_read_peak() - before) >> 10


def _read_peak() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def main() -> None:
    """Print the table."""
    if len(sys.argv) == 3:
        print(measure_peak(sys.argv[2]))
        return
    import tensorflow as tf

    photographs = tf.constant([make_photograph()])
    readers = {way: make_reader(way) for way in WAYS}
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for repeat in range(TIMES + 1):
        for way, read in readers.items():
            begin, cpu = time.perf_counter(), time.process_time()
            read(photographs)
            if repeat:  # the first call prepares the graph
                elapsed = time.perf_counter() - begin, time.process_time() - cpu
                times[way].append(elapsed)
    print(f"one JPEG of {SIZE[1]} x {SIZE[0]}, {len(photographs.numpy()[0]) >> 10:,} KiB")
    for way in WAYS:
        wall, cpu = (1000 * statistics.median(column) for column in zip(*times[way], strict=True))
        command = [sys.executable, __file__, "peak", way]
        peak = int(subprocess.check_output(command, text=True).splitlines()[-1])
        print(f"{way:10} {wall:6.0f} ms  {cpu:6.0f} ms of CPU  {peak:5} MiB above idle")


if __name__ == "__main__":
    main()
