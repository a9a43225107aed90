"""Libraries that others import because they are there, for what no pipeline does.

Keras looks for IPython, Matplotlib and scikit-learn as it is imported: to show its files in a
notebook, to draw images, to be wrapped as a scikit-learn estimator. NLTK, which TensorFlow Model
Analysis imports, looks for scikit-learn; TensorFlow looks for Google's API client, to list the
machines of a cluster; BigQuery's client, which Beam imports, looks for progress bars of notebooks.
Each is imported where it is installed: 1,200 modules, a third of TensorFlow's import. The importers
go on without them, and where one of these is asked for they say which library they lack.

Both Keras are given their settings in the same place: see `keras_settings`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from data.base.keras_settings import set_keras

KERAS = frozenset({"keras", "tf_keras"})
IMPORTERS = frozenset(
    {
        *KERAS,
        "google.cloud.bigquery",
        "nltk",
        "tensorflow.python.distribute.cluster_resolver.gce_cluster_resolver",
        "tensorflow.python.tpu.client.client",
    }
)
UNNEEDED = frozenset({"IPython", "googleapiclient", "matplotlib", "sklearn", "tqdm.notebook"})


def skip_unneeded_imports() -> None:
    """While one of `IMPORTERS` is imported it does not find `UNNEEDED`; all others find them.

    What was imported before this call, or before its importer, stays as it is.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Importing(threading.local):
    """How many importers are being imported in this thread, one by the other."""

    depth = 0


class _Finder(MetaPathFinder):
    """Finds the importers as Python would, and notes in which thread they are being imported."""

    def __init__(self) -> None:
        self._importing = _Importing()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in UNNEEDED and self._importing.depth:
            raise ModuleNotFoundError(f"{name} is not needed here", name=name)
        if name not in IMPORTERS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            self._watch(spec.loader)
        return spec

    def _watch(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            self._importing.depth += 1
            try:
                execute(module)
            finally:
                self._importing.depth -= 1
            if module.__name__ in KERAS and hasattr(module, "backend"):
                set_keras(module)

        loader.exec_module = exec_module
