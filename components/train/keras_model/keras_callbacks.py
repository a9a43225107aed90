"""Keras's callbacks on our loop: early stopping, those of one's own, the learning rate's record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from components.train.loop.checkpoints import Checkpoint
from components.train.loop.hook import Hook
from data.base.import_path import load_object
from data.errors import ConfigError

if TYPE_CHECKING:
    from components.train.training import Training

_EARLY_STOP = ("wait", "best", "best_epoch", "stopped_epoch")


class KerasCallbacks(Hook):
    """Calls Keras callbacks as `fit` does, once per call of the compiled loop in place of a batch.

    A callback of one's own that must go on where it was after a resume defines `get_state()`,
    JSON-able, and `set_state(state)`.
    """

    def __init__(self, model: keras.Model, training: Training) -> None:
        config = training.config
        self._model = model
        self._early_stop = _early_stop(training)
        own = [_own(path) for path in config.callbacks]
        self._own = [callback for callback in own if hasattr(callback, "get_state")]
        callbacks = [*own, self._early_stop] if self._early_stop else own
        self._list = keras.callbacks.CallbackList(
            callbacks, model=model, epochs=config.epochs, steps=training.steps_per_epoch, verbose=0
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

    def on_epoch_end(self, epoch: int, means: Mapping[str, float]) -> bool:
        self._list.on_epoch_end(epoch, dict(means))
        return not self._model.stop_training

    def on_train_end(self) -> None:
        self._list.on_train_end()

    def epoch_values(self) -> Mapping[str, float]:
        rate = self._model.optimizer.learning_rate  # a variable, or a tensor of a schedule
        return {"learning_rate": float(tf.convert_to_tensor(rate))}

    def state(self) -> Checkpoint:
        facts: dict[str, Any] = {"own": [callback.get_state() for callback in self._own]}
        arrays: dict[str, np.ndarray] = {}
        if self._early_stop:
            facts["early stop"] = {name: getattr(self._early_stop, name) for name in _EARLY_STOP}
            best = self._early_stop.best_weights or []
            arrays = {f"best {n}": array for n, array in enumerate(best)}
        return Checkpoint(arrays, facts)

    def restore(self, state: Checkpoint) -> None:
        for callback, own in zip(self._own, state.facts["own"], strict=True):
            callback.set_state(own)
        if self._early_stop:
            for name, value in state.facts["early stop"].items():
                setattr(self._early_stop, name, value)
            if state.arrays:
                best = [state.arrays[f"best {n}"] for n in range(len(state.arrays))]
                self._early_stop.best_weights = best


def _early_stop(training: Training) -> keras.callbacks.EarlyStopping | None:
    config = training.config
    if not (config.early_stop_patience or config.best_weights):
        return None
    if not training.examples.num_examples("validation"):
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


def _own(path: str) -> keras.callbacks.Callback:
    made = load_object(path)()
    if not isinstance(made, keras.callbacks.Callback):
        raise ConfigError(
            f"{path} gives no Keras callback",
            expected="a class or function without arguments that gives a keras.callbacks.Callback",
            got=type(made).__name__,
        )
    if isinstance(made, keras.callbacks.SwapEMAWeights):
        raise ConfigError(
            f"{path} exchanges the weights and their averages, and so does Train",
            follows="nothing was trained",
            remedy="leave it out of train.callbacks: with use_ema the averages are validated, "
            "chosen and exported",
        )
    return made
