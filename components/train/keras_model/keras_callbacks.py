"""Keras's callbacks on our loop: early stopping, those of your own, the learning rate's record."""

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

_OF_BATCHES = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_MEASURED = ("loss", "accuracy")


class KerasCallbacks(Hook):
    """Calls Keras callbacks as `fit` does.

    Where none of them listens to batches, many steps are taken between two calls. A callback of
    your own that must go on where it was after a resume defines `get_state()`, JSON-able, and
    `set_state(state)`.
    """

    def __init__(self, model: keras.Model, training: Training) -> None:
        config = training.config
        validated = bool(training.examples.num_examples("validation"))
        self._model = model
        self._callbacks = [_own(path, config, validated) for path in config.callbacks]
        for words in find_stateless_callbacks(map(type, self._callbacks)):
            training.warn(words)
        if config.early_stop_patience or config.best_weights:
            self._callbacks.append(_early_stop(config, validated))
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
    methods: Iterable[object] = (getattr(callback, name) for name in _OF_BATCHES)
    return not all(getattr(method, "_is_default", False) for method in methods)


def _early_stop(config: Config, validated: bool) -> keras.callbacks.EarlyStopping:
    if not validated:
        wanted = "early stopping" if config.early_stop_patience else "keeping the best weights"
        raise ConfigError(
            f"{wanted} needs a validation split, and there is none",
            remedy="--set ingest.validation_share=0.1, or --set train.early_stop_patience=none "
            "and train.best_weights=false",
        )
    return keras.callbacks.EarlyStopping(
        monitor="val_loss",
        mode="min",
        patience=config.early_stop_patience or config.epochs,
        restore_best_weights=True,
    )


def _own(path: str, config: Config, validated: bool) -> keras.callbacks.Callback:
    made = load_object(path)()
    if not isinstance(made, keras.callbacks.Callback):
        raise ConfigError(
            f"{path} gives no Keras callback",
            expected="a class or function without arguments that gives a keras.callbacks.Callback",
            got=type(made).__name__,
        )
    _refuse_second_hand(path, made)
    _refuse_fixed_rate(path, made, config)
    _refuse_blind(path, made, validated)
    return made


def _refuse_second_hand(path: str, callback: keras.callbacks.Callback) -> None:
    """What Train does itself would be done twice, and the second time to the first one's result."""
    if isinstance(callback, keras.callbacks.SwapEMAWeights):
        raise ConfigError(
            f"{path} exchanges the weights and their averages, and so does Train",
            follows="nothing was trained",
            remedy="leave it out of train.callbacks: with use_ema the averages are validated, "
            "chosen and exported",
        )
    if isinstance(callback, keras.callbacks.BackupAndRestore):
        raise ConfigError(
            f"{path} keeps checkpoints of the training and goes on from them, and so does Train",
            follows="nothing was trained",
            remedy="leave it out of train.callbacks: see train.checkpoint_seconds",
        )


def _refuse_fixed_rate(path: str, callback: keras.callbacks.Callback, config: Config) -> None:
    changes = (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler)
    if config.learning_rate_schedule and isinstance(callback, changes):
        raise ConfigError(
            f"{path} sets the learning rate, and so does train.learning_rate_schedule",
            expected="one of the two",
            follows="nothing was trained",
            remedy="leave one of them out",
        )


def _refuse_blind(path: str, callback: keras.callbacks.Callback, validated: bool) -> None:
    """One that waits for a value which nobody measures would do nothing."""
    decides = isinstance(
        callback, keras.callbacks.EarlyStopping | keras.callbacks.ReduceLROnPlateau
    ) or getattr(callback, "save_best_only", False)
    measured = [*_MEASURED, *(f"val_{name}" for name in _MEASURED if validated), "learning_rate"]
    if decides and callback.monitor not in measured:
        raise ConfigError(
            f"{path} goes by {callback.monitor!r}, which is not measured",
            expected=" or ".join(measured),
            follows="nothing was trained",
            remedy="let its monitor be one of these"
            + ("" if validated else "; --set ingest.validation_share=0.1 for a validation split"),
        )
