"""Find the installed distribution and the version of a library."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

from data.code.loaded_modules import is_installed

# import name → distribution, where they differ; other differences are searched for
_NAMES = {
    "PIL": "pillow",
    "google": "protobuf",
    "grpc": "grpcio",
    "sklearn": "scikit-learn",
    "tensorflow_serving": "tensorflow-serving-api",
    "yaml": "pyyaml",
}


class Distributions:
    """The installed distributions; results are cached in the object, so use it for one plan."""

    def __init__(self) -> None:
        self._versions: dict[str, str | None] = {}
        self._required: frozenset[str] | None = None

    def version(self, library: str) -> str | None:
        """Return the version of the distribution that has a top-level module; None if none has."""
        if library not in self._versions:
            name = _NAMES.get(library, library)
            self._versions[library] = _read_version(name) or _read_version(
                _find_distribution(library)
            )
        return self._versions[library]

    def is_required(self, library: str) -> bool:
        """Return whether Penstock requires the library, so that its lock file fixes the version."""
        if self._required is None:
            try:
                lines = importlib.metadata.requires("penstock") or []
            except importlib.metadata.PackageNotFoundError:  # a checkout that is not installed
                lines = []
            names = (re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line)
            self._required = frozenset(_normalize(name.group()) for name in names if name)
        return _normalize(_NAMES.get(library, library)) in self._required


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _read_version(distribution: str | None) -> str | None:
    try:
        return importlib.metadata.version(distribution) if distribution else None
    except importlib.metadata.PackageNotFoundError:
        return None


def _find_distribution(library: str) -> str | None:
    """Find the distribution whose list of files has the top-level module."""
    listed = re.compile(rf"^{re.escape(library)}(/|\.[^/,]*\.so,|\.py,|$)", re.MULTILINE)
    for folder in filter(is_installed, (f"{entry}/" for entry in sys.path)):
        for record in ("*.dist-info/RECORD", "*.egg-info/top_level.txt"):
            for file in Path(folder).glob(record):
                if listed.search(file.read_text(encoding="utf-8", errors="replace")):
                    return file.parent.name.partition("-")[0]
    return None
