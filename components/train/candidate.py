"""Train a candidate from start to end: choose devices, fit, check, record, write.

The candidate is the bundle that will be judged and served. Beside it lie the history of the
training and answers of the trained model, with which the bundle is compared later.
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

_FIRST = 256  # train images that are checked before the training
_NAMED = 5  # classes that a warning names
_FED = 100  # images whose transformed values are recorded


def make_candidate(
    examples: Examples,
    transform_graph: TransformGraph,
    config: Config,
    path: Path,
    context: Context,
) -> str:
    """Train, and write `bundle/`, `history.json` and `parity.npz` under `path`.

    Returns:
        The digest of the bundle.
    """
    started = time.perf_counter()
    keras.utils.set_random_seed(context.seed)
    hardware = devices.choose_hardware(config)
    transform = TransformFn(transform_graph.path)
    training = Training(examples, transform, config, context, hardware)

    for warning in find_data_suspicions(examples):
        context.warn(warning)
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


def find_data_suspicions(examples: Examples) -> Iterator[str]:
    """Yield a warning for each property of images and labels that is usually a mistake."""
    with translate_record_errors(examples):
        images, _ = next(iter(read_batches(examples, SPLIT, batch_size=_FIRST).as_numpy_iterator()))
    if images.max(initial=0) <= 1:
        yield (
            f"no pixel of the first {len(images)} train images is above 1: pixels should be from 0 "
            "to 255; if the source divides by 255, remove the division"
        )
    counts = zip(examples.counts.get("test", ()), examples.counts[SPLIT], strict=False)
    unseen = [
        examples.spec.class_names[n] for n, (test, train) in enumerate(counts) if test and not train
    ]
    if unseen:
        more = f" and {len(unseen) - _NAMED} more" if len(unseen) > _NAMED else ""
        yield (
            f"the test split has images of classes without images in the train split: "
            f"{', '.join(map(repr, unseen[:_NAMED]))}{more}; the model cannot learn them"
        )


def fit(training: Training) -> Any:
    """Train the model, by the Keras training or by the user's train_fn."""
    config = training.config
    model = load_object(config.train_fn_path)(training)
    if config.warm_start and not training.warm:
        raise ConfigError(
            f"{config.name} did not use the weights that train.warm_start names",
            expected="a train_fn that calls training.warm_start(weights) before it trains",
            follows="the trained model was not kept",
            remedy="call training.warm_start(weights) in the train_fn, or unset train.warm_start",
        )
    return model


def check(model: Any, training: Training) -> None:
    """Check the output of the model against the classes and `train.model_output`."""
    config = training.config
    check_served(
        lambda images: model(training.transform(images)),
        training.examples.spec,
        config.name,
        config.model_output,
    )


def record_history(training: Training, seconds: float, path: Path) -> None:
    """Write the metrics of each epoch, the hardware and the time of the training."""
    facts = {
        "steps_per_epoch": training.steps_per_epoch,
        "batch_size": training.config.batch_size,
        "hardware": training.hardware.description,
        "seconds": round(seconds, 3),
    }
    write_document(path, {**_replace_nan(training.history), **facts})


def _replace_nan(history: Mapping[str, Sequence[float]]) -> dict[str, list[float | None]]:
    """Replace NaN and infinity, which JSON does not have, by None."""
    return {
        name: [value if math.isfinite(value) else None for value in values]
        for name, values in history.items()
    }


def record_answers(training: Training, served: Mapping[str, Any], path: Path) -> None:
    """Record the answers of the trained model to some raw images, and their transformed values."""
    images, _ = next(
        iter(read_batches(training.examples, SPLIT, batch_size=MAX_IMAGES).as_numpy_iterator())
    )
    fed = training.transform(tf.cast(images[:_FED], tf.float32)).numpy()
    record_parity(path, images=images, model_inputs=fed, **served)


def write(training: Training, served: Mapping[str, Any], path: Path) -> str:
    """Write the serving bundle, with facts about its training and the images it was trained on."""
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
