"""The Keras half of Train: build, fit, and write the candidate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from components.artifacts import Examples, TransformGraph
from components.context import Context
from data.batches import batches, sound_records
from data.durable import write_json
from data.errors import ConfigError, PenstockError, StepError, did_you_mean, in_one_line
from data.spec import ImageSpec
from serving_export.parity import MAX_IMAGES, record_parity
from serving_export.saved_model import write_bundle
from serving_export.transform_graph import TransformFn

if TYPE_CHECKING:
    from components.train import Config

BuildModel = Callable[[ImageSpec, Mapping[str, Any]], keras.Model]
# Optimizer steps per call of the compiled loop: Keras's overhead around a call is that of several
# small steps, and past this nothing is gained while the progress becomes coarse.
_STEPS_PER_CALL = 64
_SOUND_STEPS = "sound_steps"


def train(
    examples: Examples,
    transform_graph: TransformGraph,
    build_model: BuildModel,
    config: Config,
    path: Path,
    context: Context,
) -> str:
    """Fit and write `bundle/`, `history.json` and `parity.npz` under `path`.

    Returns:
        The bundle's digest.
    """
    keras.utils.set_random_seed(context.seed)
    transform = TransformFn(transform_graph.path)
    model = _compiled(_built(build_model, examples.spec, config, transform), config)
    with sound_records(examples):
        history = _fit(model, examples, transform, config, context)
    path.mkdir()
    write_json(path / "history.json", history)
    context.progress(1, 1, "writing the serving bundle")
    served: Any = {
        "model": model,
        "transform_path": transform_graph.path,
        "spec": examples.spec,
        "model_output": config.model_output,
    }
    some, _ = next(iter(batches(examples, "train", batch_size=MAX_IMAGES).as_numpy_iterator()))
    record_parity(path / "parity.npz", images=some, **served)
    about = {"epochs": len(history["loss"]), "seed": context.seed, "model": config.model}
    return write_bundle(path / "bundle", about=about, **served)


def _built(
    build_model: BuildModel, spec: ImageSpec, config: Config, transform: TransformFn
) -> keras.Model:
    """The model, tried on a blank batch, so that what does not fit is said before the training."""
    try:
        model = build_model(spec, config.model_options)
        width = tuple(model(transform(np.zeros((2, *spec.shape), "float32"))).shape)
    except PenstockError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the model {config.model!r} cannot be built for images of {spec.shape}",
            expected="build_model(spec, options): a Keras model that takes the transformed images",
            got=in_one_line(error),
            remedy="mend the function that train.model names",
        ) from error
    if width != (2, spec.num_classes):
        raise ConfigError(
            f"the output of the model {config.model!r} does not fit the classes",
            expected=f"shape (batch, {spec.num_classes})",
            got=f"(batch, {', '.join(map(str, width[1:]))})",
            remedy="let the last layer give spec.num_classes numbers",
        )
    return model


def _compiled(model: keras.Model, config: Config) -> keras.Model:
    settings = {} if config.learning_rate is None else {"learning_rate": config.learning_rate}
    try:
        optimizer = keras.optimizers.get({"class_name": config.optimizer, "config": settings})
    except ValueError:
        known = [n.lower() for n, v in vars(keras.optimizers).items() if isinstance(v, type)]
        raise ConfigError(
            f"Keras has no optimizer {config.optimizer!r}",
            remedy=did_you_mean(config.optimizer, known),
        ) from None
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=config.model_output == "logits")
    model.compile(
        optimizer=optimizer,
        loss=loss,
        metrics=["accuracy", _SoundSteps(name=_SOUND_STEPS)],
        steps_per_execution=_STEPS_PER_CALL,
    )
    return model


def _fit(
    model: keras.Model, examples: Examples, transform: TransformFn, config: Config, context: Context
) -> dict[str, Any]:
    """Train to the end. Returns Keras's history, a list per epoch, and what it took."""
    steps = math.ceil(examples.num_examples("train") / config.batch_size)
    callbacks: list[keras.callbacks.Callback] = [_Watch(config.epochs, steps, context)]
    validation = None
    if examples.num_examples("validation"):
        validation = batches(
            examples, "validation", batch_size=max(config.batch_size, 256), transform=transform
        )
    if config.early_stop_patience:
        if validation is None:
            raise ConfigError(
                "early stopping needs a validation split, and there is none",
                remedy="--set ingest.validation_share=0.1, or --set train.early_stop_patience=none",
            )
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor="val_loss", patience=config.early_stop_patience, restore_best_weights=True
            )
        )
    started = time.perf_counter()
    history = model.fit(
        batches(
            examples,
            "train",
            batch_size=config.batch_size,
            transform=transform,
            shuffle_seed=context.seed,
        ),
        epochs=config.epochs,
        validation_data=validation,
        callbacks=callbacks,
        shuffle=False,  # batches are shuffled already
        verbose=0,
    )
    curves = {
        name: [float(value) for value in values]
        for name, values in history.history.items()
        if _SOUND_STEPS not in name
    }
    return {**curves, "steps_per_epoch": steps, "seconds": round(time.perf_counter() - started, 3)}


class _SoundSteps(keras.metrics.Metric):
    """Steps of the epoch before the model's first output that is no finite number.

    The compiled loop reports only every `_STEPS_PER_CALL` steps; this tells at which one it broke.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self._sound = self.add_weight(initializer="ones", name="sound")
        self._steps = self.add_weight(initializer="zeros", name="steps")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        finite = keras.ops.cast(keras.ops.all(keras.ops.isfinite(y_pred)), self.dtype)
        self._sound.assign(self._sound * finite)
        self._steps.assign_add(self._sound)

    def result(self) -> Any:
        return self._steps

    def reset_state(self) -> None:
        self._sound.assign(1)
        self._steps.assign(0)


class _Watch(keras.callbacks.Callback):
    """Reports each call of the compiled loop and stops at the first loss that is no number."""

    def __init__(self, epochs: int, steps: int, context: Context) -> None:
        super().__init__()
        self._epochs = epochs
        self._steps = steps
        self._context = context
        self._epoch = 0
        self._last_good = math.nan

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        logs = logs or {}
        before = self._epoch * self._steps
        step, loss = before + batch + 1, float(logs["loss"])
        if not math.isfinite(loss):
            bad = min(step, before + int(logs[_SOUND_STEPS]) + 1)
            raise StepError(
                f"the loss became {loss} at step {bad} (epoch {self._epoch + 1})",
                expected="a finite number",
                got=f"last good mean loss of an epoch so far: {self._last_good:.4g}",
                follows="training stopped; nothing was kept",
                remedy="lower train.learning_rate; look for a log or a division by zero in the "
                "model or the preprocessing_fn; check that train.model_output says what the "
                "model gives",
            )
        self._last_good = loss
        detail = f"epoch {self._epoch + 1}/{self._epochs}  loss {loss:.4f}"
        if "accuracy" in logs:
            detail += f"  accuracy {float(logs['accuracy']):.4f}"
        self._context.progress(step, self._epochs * self._steps, detail)
