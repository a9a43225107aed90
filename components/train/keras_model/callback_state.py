"""Save and restore the state of Keras callbacks in checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from components.train.loop.checkpoints import Checkpoint
from data.errors import ConfigError

_BEST = "best_weights"
# The attributes of Keras's own callbacks that change during a training.
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
    """Yield a warning for each class of callbacks that loses its state in a resumed training.

    Raises:
        ConfigError: a callback has get_state and no set_state.
    """
    for kind in kinds:
        if not hasattr(kind, "get_state"):
            if kind not in _ATTRIBUTES:
                yield (
                    f"the callback {kind.__name__} has no get_state() and set_state(state): "
                    "it loses its state if the training is interrupted and resumed"
                )
        elif not hasattr(kind, "set_state"):
            raise ConfigError(
                f"the callback {kind.__name__} has get_state and no set_state",
                expected="both methods, so that its state survives an interrupt, or neither",
                remedy="define set_state(state), or remove get_state",
            )


def read_state(callback: keras.callbacks.Callback) -> Checkpoint:
    """Read the state of a callback: its `get_state()`, or the known attributes of Keras's own."""
    if hasattr(callback, "get_state"):
        state = callback.get_state()
        try:
            return Checkpoint({}, {"own": json.loads(json.dumps(state))})
        except TypeError as error:
            raise ConfigError(
                f"the state of the callback {type(callback).__name__} cannot be saved",
                expected="a get_state() that returns only what JSON can hold",
                got=error,
                follows="the training stopped; no model was kept",
                remedy="return numbers, strings, lists and dicts, for example float(value)",
            ) from error
    facts = {name: _to_number(getattr(callback, name)) for name in _list_attributes(callback)}
    best = getattr(callback, _BEST, None) if facts else None
    return Checkpoint({f"{_BEST} {n}": array for n, array in enumerate(best or [])}, facts)


def restore_state(callback: keras.callbacks.Callback, state: Checkpoint) -> None:
    """Restore what `read_state` returned."""
    if hasattr(callback, "get_state"):
        callback.set_state(state.facts["own"])
        return
    for name, value in state.facts.items():
        setattr(callback, name, value)
    if state.arrays:
        setattr(callback, _BEST, [state.arrays[f"{_BEST} {n}"] for n in range(len(state.arrays))])


def _list_attributes(callback: keras.callbacks.Callback) -> tuple[str, ...]:
    kinds = (names for kind, names in _ATTRIBUTES.items() if isinstance(callback, kind))
    return next(kinds, ())


def _to_number(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else float(value)
