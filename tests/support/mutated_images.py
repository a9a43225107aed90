"""Read mutated image files, in this process or as a program of its own, and count the outcomes.

python tests/support/mutated_images.py KIND FIRST COUNT
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

import image_files as files
import numpy as np
import peak_memory
import photographs
from PIL import Image

from data.geometry import ALL_FORMATS, Geometry
from data.spec import ImageSpec

KINDS = ("png", "jpeg", "gif", "webp", "bmp")


def make_whole_files(kind: str) -> list[bytes]:
    """Make a dozen files of one kind: small, of many modes, two a little larger."""
    draw = np.random.default_rng(7)
    make = photographs._KINDS[kind]
    whole = [make(draw, (int(h), int(w)))[0] for h, w in draw.integers(4, 60, (10, 2))]
    whole += [make(draw, (300, 500))[0] for _ in range(2)]
    if kind == "png":
        whole += files.whole_files(photographs.draw_pixels(draw, (20, 30), 3))
    return whole


def mutate(whole: list[bytes], draw: np.random.Generator) -> bytes:
    """Damage one of the files; every third in the header, every tenth spliced with another."""
    file = bytearray(files.mutant(whole, draw))
    choice = draw.random()
    if file and choice < 0.3:
        for place in draw.integers(0, min(len(file), 64), draw.integers(1, 4)):
            file[place] = int(draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.integers(256)]))
    elif choice < 0.4:
        other = whole[draw.integers(len(whole))]
        file[draw.integers(len(file) + 1) :] = other[draw.integers(len(other)) :]
    return bytes(file)


def make_reader() -> Any:
    import tensorflow as tf

    from data.images.fit import read_image

    spec = ImageSpec(
        height=32,
        width=32,
        channels=3,
        class_names=("a", "b"),
        geometry=Geometry(fit="pad", background=(1, 2, 3), formats=ALL_FORMATS),
    )
    return tf.function(
        lambda file: read_image(file, spec),
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    )


def count_outcomes(kind: str, first: int, count: int, read: Any = None) -> dict[str, Any]:
    """Read `count` mutated files with seeds from `first` on; every other error propagates.

    Returns:
        The number of each reason, and of files read, as `outcomes`; `slowest` in seconds of CPU;
        `growth` in bytes, the most for one file; the seeds of those two.
    """
    import tensorflow as tf

    from data.images.reasons import explain_error

    read, whole = read or make_reader(), make_whole_files(kind)
    for file in whole:
        read(tf.constant(file))
    outcomes: Counter[str] = Counter()
    slowest, growth = (0.0, -1), (0, -1)
    for seed in range(first, first + count):
        file = tf.constant(mutate(whole, np.random.default_rng(seed)))
        begin = time.process_time()

        def read_one(file: tf.Tensor = file) -> None:
            try:
                assert read(file).shape == (32, 32, 3)
                outcomes["read"] += 1
            except tf.errors.OpError as error:
                outcomes[explain_error(error).split(":")[0]] += 1

        growth = max(growth, (peak_memory.growth(read_one), seed))
        slowest = max(slowest, (time.process_time() - begin, seed))
    return {"outcomes": dict(outcomes), "slowest": slowest, "growth": growth}


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None
    print(json.dumps(count_outcomes(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
