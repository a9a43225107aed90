"""Find packages of Penstock's that are not the ones imported under their names.

Their names are plain, so that a folder of the user's may have one of them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

# As in data.code.import_path, which cannot be asked: it may be what is shadowed.
OUR_PACKAGES = ("data", "serving_export", "components", "pipeline")


def find_shadowed_packages() -> dict[str, tuple[str, str]]:
    """Package → (the file imported under its name, our own file), where they differ."""
    home = Path(__file__).resolve().parents[2]
    shadowed = {}
    for name in OUR_PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        expected = home / name / "__init__.py"
        if origin != expected:
            imported = origin or (spec and spec.submodule_search_locations)
            shadowed[name] = (str(imported), str(expected))
    return shadowed
