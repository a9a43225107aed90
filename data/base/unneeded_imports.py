"""Keep libraries from importing optional dependencies that no pipeline needs.

Keras imports IPython, Matplotlib and scikit-learn where they are installed: to show files in a
notebook, to draw images, to be wrapped as a scikit-learn estimator. NLTK, which TensorFlow Model
Analysis imports, tries scikit-learn; TensorFlow tries Google's API client, to list the machines of
a cluster; BigQuery's client, which Beam imports, tries progress bars for notebooks. Together that
is 1,200 modules, a third of TensorFlow's import time. The importers work without them; a function
that needs one of them raises an error that names the missing library.

The import hook also sets the defaults of both Keras versions: see `keras_settings`.
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
    """Hide `UNNEEDED` while one of `IMPORTERS` is being imported; all other code finds them.

    Modules that are imported already stay.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Importing(threading.local):
    """The number of importers, one within the other, whose import is running in this thread."""

    depth = 0


class _Finder(MetaPathFinder):
    """Finds the importers as Python would, and counts those whose import is running."""

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
            self._count_imports(spec.loader)
        return spec

    def _count_imports(self, loader: Any) -> None:
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
