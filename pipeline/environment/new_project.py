"""Write a small working project for the user to change: `penstock new`."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from data.errors import ConfigError
from data.files.durable_files import translate_disk_errors

_NAME = "PROJECT"  # stands in the template for the project's name


def make_project(folder: Path) -> list[Path]:
    """Copy the template into a folder that is new or empty; the folder's name is the project's.

    Returns:
        The files written.

    Raises:
        ConfigError: the folder is not empty; nothing was written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"{folder} is not empty",
            expected="a new or an empty folder",
            follows="nothing was written",
            remedy="choose another name",
        )
    name = _name_pipeline(folder.resolve().name)
    template = resources.files("pipeline.environment") / "template"
    written = []
    with translate_disk_errors(f"cannot write to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        for item in sorted(template.iterdir(), key=lambda i: i.name):
            if item.is_file():
                written.append(folder / item.name)
                text = item.read_text(encoding="utf-8").replace(_NAME, name)
                written[-1].write_text(text, encoding="utf-8")
    return written


def _name_pipeline(folder: str) -> str:
    """Turn a folder's name into one that a pipeline and its model may have."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", folder).strip("_.-") or "project"
