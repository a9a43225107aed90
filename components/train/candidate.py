"""One training from start to end: devices, data, fit, check, record, write.

What comes out is a candidate: the bundle as it will be judged and served, and beside it what the
training was like and what the trained model answers, for others to hold the bundle against.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components.artifacts import Examples, TransformGraph
from components.context import Context
from components.train import devices
from components.train.checks.model import check_served
from components.train.config import Config
from components.train.training import Training
from data.batches.parse import translate_record_errors
from data.batches.sequential import read_batches
from data.batches.training import SPLIT
from data.code.import_path import load_object
from data.errors import ConfigError
from data.files.documents import write_document
from data.files.durable_files import sha256_file
from serving_export.bundle.saved_model import write_bundle
from serving_export.bundle.training_images import FILE, serialize_training_hashes
from serving_export.bundle.transform_graph import TransformFn
from serving_export.parity.check import MAX_IMAGES, record_parity

_FIRST = 256  # train images that are looked at before anything is trained
_NAMED = 5
_FED = 100  # images of which it is recorded what the model was fed


def make_candidate(
    examples: Examples,
    transform_graph: TransformGraph,
    config: Config,
    path: Path,
    context: Context,
) -> str:
    """Train and write `bundle/`, `history.json` and `parity.npz` under `path`.

    Returns:
        The bundle's digest.
    """
    started = time.perf_counter()
    keras.utils.set_random_seed(context.seed)
    hardware = devices.choose(config)
    transform = TransformFn(transform_graph.path)
    training = Training(examples, transform, config, context, hardware)

    for words in suspicions_of_data(examples):
        context.warn(words)
    model = fit(training)
    check(model, training)

    path.mkdir()
    record_history(training, time.perf_counter() - started, path / "history.json")
    context.progress(1, 1, "writing the serving bundle")
    served: dict[str, Any] = {
        "model": model,
        "transform_path": transform_graph.path,
        "spec": examples.spec,
        "model_output": config.model_output,
    }
    record_answers(training, served, path / "parity.npz")
    return write(training, served, path / "bundle")


def suspicions_of_data(examples: Examples) -> Iterator[str]:
    """What is seldom meant in the images and labels, in words."""
    with translate_record_errors(examples):
        images, _ = next(iter(read_batches(examples, SPLIT, batch_size=_FIRST).as_numpy_iterator()))
    if images.max(initial=0) <= 1:
        yield (
            f"no pixel of the first {len(images)} train images is above 1: they should reach from "
            "0 to 255; if the source divides by 255, let it give them as they were"
        )
    counts = zip(examples.counts.get("test", ()), examples.counts[SPLIT], strict=False)
    unseen = [
        examples.spec.class_names[n] for n, (test, train) in enumerate(counts) if test and not train
    ]
    if unseen:
        more = f" and {len(unseen) - _NAMED} more" if len(unseen) > _NAMED else ""
        yield (
            f"the test split has images of classes that the train split has none of: "
            f"{', '.join(map(repr, unseen[:_NAMED]))}{more}; nobody can learn them"
        )


def fit(training: Training) -> Any:
    """The model, trained by Keras's way or by one of the user's own."""
    config = training.config
    model = load_object(config.train_fn_path)(training)
    if config.warm_start and not training.warm:
        raise ConfigError(
            f"{config.name} did not take the weights that train.warm_start names",
            expected="a train_fn that calls training.warm_start(weights) before it trains",
            follows="nothing was kept",
        )
    return model


def check(model: Any, training: Training) -> None:
    """Hold what the model gives against the classes, and against `train.model_output`."""
    config = training.config
    check_served(
        lambda images: model(training.transform(images)),
        training.examples.spec,
        config.name,
        config.model_output,
    )


def record_history(training: Training, seconds: float, path: Path) -> None:
    """What the metrics were in each epoch, and on what and how long it was trained."""
    facts = {
        "steps_per_epoch": training.steps_per_epoch,
        "batch_size": training.config.batch_size,
        "hardware": training.hardware.words,
        "seconds": round(seconds, 3),
    }
    write_document(path, {**_json(training.history), **facts})


def _json(history: Mapping[str, Sequence[float]]) -> dict[str, list[float | None]]:
    """JSON has no NaN and no infinity, which a validation's values may be."""
    return {
        name: [value if math.isfinite(value) else None for value in values]
        for name, values in history.items()
    }


def record_answers(training: Training, served: Mapping[str, Any], path: Path) -> None:
    """What the trained model says to some raw images, and what it was fed of them."""
    images, _ = next(
        iter(read_batches(training.examples, SPLIT, batch_size=MAX_IMAGES).as_numpy_iterator())
    )
    fed = training.transform(tf.cast(images[:_FED], tf.float32)).numpy()
    record_parity(path, images=images, model_inputs=fed, **served)


def write(training: Training, served: Mapping[str, Any], path: Path) -> str:
    """The serving bundle, with how it came about and which images it was trained on."""
    config = training.config
    about = {
        "epochs": max(map(len, training.history.values()), default=0),
        "seed": training.seed,
        "model": config.name,
        "warm_start": config.warm_start and sha256_file(config.warm_start_manifest),
    }
    ancestor = config.warm_start_manifest.parent if config.warm_start else None
    images = serialize_training_hashes(training.examples, SPLIT, ancestor)
    assets = {} if images is None else {FILE: images}
    return write_bundle(path, metadata=about, assets=assets, **served)
