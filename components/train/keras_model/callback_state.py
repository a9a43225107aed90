"""What a Keras callback has learned so far, for a checkpoint; and whether it can be had."""

from __future__ import annotations

import json
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


def forgets(callback: keras.callbacks.Callback) -> bool:
    """Whether a resumed training would go on with the callback as new.

    Raises:
        ConfigError: it gives a state that cannot be given back, or written.
    """
    if not hasattr(callback, "get_state"):
        return type(callback) not in _ATTRIBUTES
    name = type(callback).__name__
    if not hasattr(callback, "set_state"):
        raise ConfigError(
            f"the callback {name} has get_state and no set_state",
            expected="both, for its state to be kept over an interrupt, or none",
            remedy="define set_state(state)",
        )
    return False


def state_of(callback: keras.callbacks.Callback) -> Checkpoint:
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


def give_back(callback: keras.callbacks.Callback, state: Checkpoint) -> None:
    """Let it go on from what `state_of` gave."""
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
