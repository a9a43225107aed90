"""From a Train config to a candidate on disk: train, then write the whole serving bundle."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from components.artifacts import Examples, TransformGraph
from components.context import Context
from components.train import devices
from components.train.model_checks import check_served
from components.train.training import Training
from data.base.durable_files import sha256_file, write_json
from data.base.import_path import load_object
from data.batches.sequential import batches
from data.batches.training import SPLIT
from data.errors import ConfigError
from serving_export.bundle.saved_model import write_bundle
from serving_export.bundle.training_images import FILE, trained_on
from serving_export.bundle.transform_graph import TransformFn
from serving_export.parity.check import MAX_IMAGES, record_parity

if TYPE_CHECKING:
    from components.train.config import Config

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
    transform = TransformFn(transform_graph.path)
    training = Training(examples, transform, config, context, devices.choose(config))
    model = load_object(config.train_fn_path)(training)
    if config.warm_start and not training.warm:
        raise ConfigError(
            f"{config.name} did not take the weights that train.warm_start names",
            expected="a train_fn that calls training.warm_start(weights) before it trains",
            follows="nothing was kept",
        )
    check_served(
        lambda images: model(transform(images)), examples.spec, config.name, config.model_output
    )
    facts = {
        "steps_per_epoch": training.steps_per_epoch,
        "batch_size": config.batch_size,
        "hardware": training.hardware.words,
        "seconds": round(time.perf_counter() - started, 3),
    }
    path.mkdir()
    write_json(path / "history.json", {**_json(training.history), **facts})
    context.progress(1, 1, "writing the serving bundle")
    served: Any = {
        "model": model,
        "transform_path": transform_graph.path,
        "spec": examples.spec,
        "model_output": config.model_output,
    }
    some, _ = next(iter(batches(examples, SPLIT, batch_size=MAX_IMAGES).as_numpy_iterator()))
    fed = transform(tf.cast(some[:_FED], tf.float32)).numpy()
    record_parity(path / "parity.npz", images=some, fed=fed, **served)
    about = {
        "epochs": max(map(len, training.history.values()), default=0),
        "seed": context.seed,
        "model": config.name,
        "warm_start": config.warm_start and sha256_file(config.warm_start_manifest),
    }
    ancestor = config.warm_start_manifest.parent if config.warm_start else None
    assets = {FILE: trained_on(examples, SPLIT, ancestor)}
    return write_bundle(path / "bundle", about=about, assets=assets, **served)


def _json(history: Mapping[str, Sequence[float]]) -> dict[str, list[float | None]]:
    """JSON has no NaN and no infinity, which a validation's values may be."""
    return {
        name: [value if math.isfinite(value) else None for value in values]
        for name, values in history.items()
    }
