"""Measure `penstock predict` on 1,000 JPEGs: `python benchmarks/predict.py [--path FOLDER]`.

Goal: <= 1.5 times a process that decodes the files and resizes them in tf.data and asks the model,
and nothing else.
Without --path the files are generated: 640 x 480, as smooth as photographs. Wall-clock seconds and
CPU seconds of whole processes, in turn; the ratio is of the CPU seconds.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from timing import penstock, python, seconds

FILES = 1000
SIDE = 96  # of the model's images
# The plain way of doing it, as tf.data does it best: no checks, no reasons, no table.
PLAIN = """
from pathlib import Path
import tensorflow as tf
saved = tf.saved_model.load({model!r})
ask = saved.signatures["images"]
def read(file):
    pixels = tf.io.decode_jpeg(tf.io.read_file(file), channels=3, dct_method="INTEGER_ACCURATE")
    return tf.cast(tf.round(tf.image.resize(pixels, ({side}, {side}), antialias=True)), tf.uint8)
files = sorted(map(str, Path({folder!r}).rglob("*.jpg")))
for images in tf.data.Dataset.from_tensor_slices(files).map(read, tf.data.AUTOTUNE).batch(64):
    print(ask(images=images)["class_name"])
"""


def write_photographs(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for index in range(FILES):
        coarse = generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)
        image.save(folder / f"{index:04}.jpg", quality=90)


def write_model(folder: Path) -> None:
    """Write the bundle of an untrained model; the preprocessing is a division by 255."""
    import keras
    import tensorflow as tf

    from data.geometry import Geometry
    from data.spec import ImageSpec
    from serving_export.bundle.saved_model import write_bundle

    spec = ImageSpec(
        height=SIDE,
        width=SIDE,
        channels=3,
        class_names=tuple("0123456789"),
        geometry=Geometry(fit="stretch"),
    )
    transform = tf.Module()
    signature = {"image": tf.TensorSpec([None, *spec.shape], tf.float32, "image")}
    function = tf.function(
        lambda features: {"image": features["image"] / 255.0}, input_signature=[signature]
    )
    transform.transform_fn = function.get_concrete_function()
    tf.saved_model.save(transform, str(folder / "transform" / "transform_fn"))
    layers = [keras.layers.Input(spec.shape)]
    for filters in (16, 32, 64):
        layers += [keras.layers.Conv2D(filters, 3, activation="relu"), keras.layers.MaxPooling2D()]
    layers += [keras.layers.Flatten(), keras.layers.Dense(spec.num_classes)]
    write_bundle(
        folder / "model",
        model=keras.Sequential(layers),
        transform_path=folder / "transform",
        spec=spec,
        model_output="logits",
        metadata={},
    )


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Return wall-clock and CPU seconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    (wall,) = seconds(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--path", type=Path, help="a folder of JPEGs; the first 1,000 are taken")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder, photographs = Path(home), Path(home, "photographs")
        photographs.mkdir()
        if options.path:
            for index, file in enumerate(sorted(options.path.rglob("*.jpg"))[:FILES]):
                shutil.copy(file, photographs / f"{index:04}.jpg")
        else:
            write_photographs(photographs)
        write_model(folder)
        plain = PLAIN.format(model=str(folder / "model"), folder=str(photographs), side=SIDE)
        words = ("predict", str(folder / "model"), str(photographs), "--trust")
        words += ("--out", str(folder / "answers.csv"), "--root", str(folder / "root"))
        commands = {"plain TensorFlow": python(plain), "penstock predict": penstock(*words)}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                found[name].append(measure(command))
        for name, rows in found.items():
            walls, cpus = zip(*rows, strict=True)
            print(
                f"{name:18} {statistics.median(walls):6.2f} s, {statistics.median(cpus):6.2f} CPU s"
            )
        ratios = [ours[1] / theirs[1] for theirs, ours in zip(*found.values(), strict=True)]
        print(f"ratio of the CPU seconds {statistics.median(ratios):.2f} (goal: at most 1.5)")


if __name__ == "__main__":
    main()
