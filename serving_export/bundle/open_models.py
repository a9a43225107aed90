"""Load a SavedModel once for all who use it at the same time in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import tensorflow as tf

_open: WeakValueDictionary[str, Any] = WeakValueDictionary()  # by path, while somebody uses it


def load_saved_model(path: Path) -> Any:
    """Load a SavedModel from its files, and let `get_saved_model` find it."""
    saved = tf.saved_model.load(str(path))
    _open[str(path)] = saved
    return saved


def get_saved_model(path: Path) -> Any:
    """Return the SavedModel that was loaded last from this path, if it is still in use.

    Otherwise, as in another process, load it.
    """
    saved = _open.get(str(path))
    return load_saved_model(path) if saved is None else saved
