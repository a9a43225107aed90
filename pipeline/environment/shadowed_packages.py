"""Our packages have plain names; check that it is ours that get imported."""

from __future__ import annotations

import importlib.util
from pathlib import Path

# As in data.code.import_path, which cannot be asked: it may be what is shadowed.
OUR_PACKAGES = ("data", "serving_export", "components", "pipeline")


def shadowed() -> dict[str, tuple[str, str]]:
    """Package -> (the file imported under its name, our own file), where they differ."""
    ours = Path(__file__).resolve().parents[2]
    found = {}
    for name in OUR_PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        expected = ours / name / "__init__.py"
        if origin != expected:
            found[name] = (str(origin or (spec and spec.submodule_search_locations)), str(expected))
    return found
