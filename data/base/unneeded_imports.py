"""Keep libraries from importing optional dependencies that no pipeline needs.

Keras imports IPython, Matplotlib, pydot and scikit-learn where they are installed: to show files
in a notebook, to draw images and models, to be wrapped as a scikit-learn estimator. NLTK, which
TensorFlow Model Analysis imports, tries scikit-learn; TensorFlow tries Google's API client, to list
the machines of a cluster; BigQuery's client, which Beam imports, tries progress bars for notebooks.
Together that is 1,200 modules, a third of TensorFlow's import time. The importers work without
them; a function that needs one of them raises an error that names the missing library. What
TensorFlow Model Analysis shows in a notebook, a third of its import time, is imported when used.

The import hook also sets the defaults of both Keras versions: see `keras_settings`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
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
UNNEEDED = frozenset(
    {"IPython", "googleapiclient", "matplotlib", "pydot", "sklearn", "tqdm.notebook"}
)
_WHEN_USED = "tensorflow_model_analysis.notebook.visualization"
_USER = "tensorflow_model_analysis.view.widget_view"  # names its classes in annotations
_FOUND_HERE = IMPORTERS | {_WHEN_USED, _USER}


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
        if name not in _FOUND_HERE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        if name == _WHEN_USED:
            _execute_when_used(spec.loader)
        elif name == _USER:
            spec.loader = _PostponedAnnotations(name, str(spec.origin))
        else:
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


def _execute_when_used(loader: Any) -> None:
    """Run a module's code when somebody asks for one of its names."""
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        def execute_and_get(name: str) -> Any:
            if name.startswith("__"):  # asked of all modules, by `inspect` and others
                raise AttributeError(name)
            if module.__dict__.pop("__getattr__", None) is not None:
                execute(module)
            return getattr(module, name)

        module.__dict__["__getattr__"] = execute_and_get

    loader.exec_module = exec_module


class _PostponedAnnotations(SourceFileLoader):
    """Compiles a module as if it began with `from __future__ import annotations`."""

    def get_code(self, fullname: str) -> CodeType:
        statement = b"from __future__ import annotations;"  # before the comment in the first line
        return self.source_to_code(statement + self.get_data(self.path), self.path)
