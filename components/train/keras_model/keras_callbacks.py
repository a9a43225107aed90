"""Run Keras callbacks on our loop: early stopping, your own callbacks, the learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from components.train.keras_model.callback_state import (
    find_stateless_callbacks,
    read_state,
    restore_state,
)
from components.train.loop.checkpoints import Checkpoint
from components.train.loop.hook import Hook
from data.code.import_path import load_object
from data.errors import ConfigError

if TYPE_CHECKING:
    from components.train.config import Config
    from components.train.training import Training

_BATCH_METHODS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_MEASURED = ("loss", "accuracy")


class KerasCallbacks(Hook):
    """Calls Keras callbacks as `fit` does.

    If no callback listens to batches, many steps are taken between two calls. To keep its state in
    a resumed training, your own callback defines `get_state()`, JSON-able, and `set_state(state)`.
    """

    def __init__(self, model: keras.Model, training: Training) -> None:
        config = training.config
        has_validation = bool(training.examples.num_examples("validation"))
        self._model = model
        self._callbacks = [
            _load_callback(path, config, has_validation) for path in config.callbacks
        ]
        for warning in find_stateless_callbacks(map(type, self._callbacks)):
            training.warn(warning)
        if config.early_stop_patience or config.best_weights:
            self._callbacks.append(_make_early_stopping(config, has_validation))
        self.each_step = any(map(_listens_to_batches, self._callbacks))
        self._list = keras.callbacks.CallbackList(
            self._callbacks,
            model=model,
            epochs=config.epochs,
            steps=training.steps_per_epoch,
            verbose=0,
        )

    def on_train_begin(self, history: Mapping[str, Sequence[float]]) -> None:
        self._model.stop_training = False
        self._list.on_train_begin()

    def on_epoch_begin(self, epoch: int) -> None:
        self._list.on_epoch_begin(epoch)

    def on_steps_begin(self, epoch: int, step: int) -> None:
        self._list.on_train_batch_begin(step)

    def on_steps_end(self, epoch: int, step: int, means: Mapping[str, float]) -> None:
        self._list.on_train_batch_end(step, dict(means))

    def stops(self) -> bool:
        return bool(self._model.stop_training)

    def on_validation_begin(self) -> None:
        self._list.on_test_begin()

    def on_validation_batch_begin(self, batch: int) -> None:
        self._list.on_test_batch_begin(batch)

    def on_validation_batch_end(self, batch: int, means: Mapping[str, float]) -> None:
        self._list.on_test_batch_end(batch, dict(means))

    def on_validation_end(self, means: Mapping[str, float]) -> None:
        self._list.on_test_end(dict(means))

    def on_epoch_end(self, epoch: int, means: Mapping[str, float]) -> bool:
        self._list.on_epoch_end(epoch, dict(means))
        return not self._model.stop_training

    def on_train_end(self) -> None:
        self._list.on_train_end()

    def epoch_values(self) -> Mapping[str, float]:
        rate = self._model.optimizer.learning_rate  # a variable, or a tensor of a schedule
        return {"learning_rate": float(tf.convert_to_tensor(rate))}

    def state(self) -> Checkpoint:
        states = [read_state(callback) for callback in self._callbacks]
        arrays: dict[str, np.ndarray] = {
            f"{n} {name}": array
            for n, state in enumerate(states)
            for name, array in state.arrays.items()
        }
        return Checkpoint(arrays, {"callbacks": [state.facts for state in states]})

    def restore(self, state: Checkpoint) -> None:
        pairs = zip(self._callbacks, state.facts["callbacks"], strict=True)
        for n, (callback, facts) in enumerate(pairs):
            arrays = {
                name.partition(" ")[2]: array
                for name, array in state.arrays.items()
                if name.partition(" ")[0] == str(n)
            }
            restore_state(callback, Checkpoint(arrays, facts))


def _listens_to_batches(callback: keras.callbacks.Callback) -> bool:
    methods: Iterable[object] = (getattr(callback, name) for name in _BATCH_METHODS)
    return not all(getattr(method, "_is_default", False) for method in methods)


def _make_early_stopping(config: Config, has_validation: bool) -> keras.callbacks.EarlyStopping:
    if not has_validation:
        config.check_without_validation()
    return keras.callbacks.EarlyStopping(
        monitor="val_loss",
        mode="min",
        patience=config.early_stop_patience or config.epochs,
        restore_best_weights=True,
    )


def _load_callback(path: str, config: Config, has_validation: bool) -> keras.callbacks.Callback:
    callback = load_object(path)()
    if not isinstance(callback, keras.callbacks.Callback):
        raise ConfigError(
            f"{path} returns no Keras callback",
            expected="a class or function without arguments that returns a Keras callback",
            got=type(callback).__name__,
            remedy="correct train.callbacks, or return a keras.callbacks.Callback",
        )
    _refuse_duplicate(path, callback)
    _refuse_fixed_rate(path, callback, config)
    _refuse_unknown_monitor(path, callback, has_validation)
    return callback


def _refuse_duplicate(path: str, callback: keras.callbacks.Callback) -> None:
    """Refuse a callback that does what Train does itself."""
    if isinstance(callback, keras.callbacks.SwapEMAWeights):
        raise ConfigError(
            f"{path} swaps the weights with their averages, and Train does so, too",
            follows="nothing was trained",
            remedy="remove it from train.callbacks: with use_ema Train validates, chooses and "
            "exports the averages",
        )
    if isinstance(callback, keras.callbacks.BackupAndRestore):
        raise ConfigError(
            f"{path} saves checkpoints and resumes from them, and Train does so, too",
            follows="nothing was trained",
            remedy="remove it from train.callbacks: see train.checkpoint_seconds",
        )


def _refuse_fixed_rate(path: str, callback: keras.callbacks.Callback, config: Config) -> None:
    changes = (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler)
    if config.learning_rate_schedule and isinstance(callback, changes):
        raise ConfigError(
            f"{path} and train.learning_rate_schedule both set the learning rate",
            expected="only one of them",
            follows="nothing was trained",
            remedy="remove one of them",
        )


def _refuse_unknown_monitor(
    path: str, callback: keras.callbacks.Callback, has_validation: bool
) -> None:
    """Refuse a callback that monitors a value that is not measured: it would do nothing."""
    decides = isinstance(
        callback, keras.callbacks.EarlyStopping | keras.callbacks.ReduceLROnPlateau
    ) or getattr(callback, "save_best_only", False)
    measured = [
        *_MEASURED,
        *(f"val_{name}" for name in _MEASURED if has_validation),
        "learning_rate",
    ]
    if decides and callback.monitor not in measured:
        raise ConfigError(
            f"{path} monitors {callback.monitor!r}, which is not measured",
            expected=" or ".join(measured),
            follows="nothing was trained",
            remedy="set its monitor to one of these"
            + (
                ""
                if has_validation
                else "; --set ingest.validation_share=0.1 for a validation split"
            ),
        )
