"""What a Keras callback has learned so far, for a checkpoint; and whether it can be had."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from components.train.loop.checkpoints import Checkpoint
from data.errors import ConfigError

_BEST = "best_weights"
# Keras's own, by what changes as they go.
_ATTRIBUTES: dict[type[keras.callbacks.Callback], tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("wait", "best", "best_epoch", "stopped_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
    ),
    keras.callbacks.LearningRateScheduler: (),
    keras.callbacks.TerminateOnNaN: (),
    keras.callbacks.RemoteMonitor: (),
}


def find_stateless_callbacks(kinds: Iterable[type]) -> Iterator[str]:
    """For each class of callbacks with which a resumed training would go on as new: a warning.

    Raises:
        ConfigError: one gives a state that cannot be given back.
    """
    for kind in kinds:
        if not hasattr(kind, "get_state"):
            if kind not in _ATTRIBUTES:
                yield (
                    f"the callback {kind.__name__} has no get_state() and set_state(state): "
                    "what it knows is lost where the training is interrupted and goes on"
                )
        elif not hasattr(kind, "set_state"):
            raise ConfigError(
                f"the callback {kind.__name__} has get_state and no set_state",
                expected="both, for its state to be kept over an interrupt, or none",
                remedy="define set_state(state)",
            )


def read_state(callback: keras.callbacks.Callback) -> Checkpoint:
    """Its own `get_state()`, or what is known of Keras's."""
    if hasattr(callback, "get_state"):
        state = callback.get_state()
        try:
            return Checkpoint({}, {"own": json.loads(json.dumps(state))})
        except TypeError as error:
            raise ConfigError(
                f"the state of the callback {type(callback).__name__} cannot be written",
                expected="get_state() that gives what JSON can hold",
                got=error,
                follows="training stopped; nothing was kept",
                remedy="give numbers, words, lists and dicts, such as float(value)",
            ) from error
    facts = {name: _plain(getattr(callback, name)) for name in _names(callback)}
    best = getattr(callback, _BEST, None) if facts else None
    return Checkpoint({f"{_BEST} {n}": array for n, array in enumerate(best or [])}, facts)


def restore_state(callback: keras.callbacks.Callback, state: Checkpoint) -> None:
    """Let it go on from what `read_state` gave."""
    if hasattr(callback, "get_state"):
        callback.set_state(state.facts["own"])
        return
    for name, value in state.facts.items():
        setattr(callback, name, value)
    if state.arrays:
        setattr(callback, _BEST, [state.arrays[f"{_BEST} {n}"] for n in range(len(state.arrays))])


def _names(callback: keras.callbacks.Callback) -> tuple[str, ...]:
    kinds = (names for kind, names in _ATTRIBUTES.items() if isinstance(callback, kind))
    return next(kinds, ())


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else float(value)
