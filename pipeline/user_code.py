"""A user's own modules as text that travels with a submitted run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline import fingerprint
from pipeline.shadow import OUR_PACKAGES


def user_modules(modules: Iterable[str]) -> dict[str, str]:
    """File name from the top-level package on → source, of all first-party modules but ours."""
    files, _ = fingerprint.code(list(modules))
    found = {fingerprint.short(path): path.read_text(encoding="utf-8") for path in files}
    return {name: text for name, text in found.items() if name.split("/")[0] not in OUR_PACKAGES}


def install(files: Mapping[str, str], folder: Path) -> None:
    """Write the files to `folder` and let them be imported from there, after all that is ours."""
    for name, text in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
    if files and str(folder) not in sys.path:
        sys.path.append(str(folder))
