"""Write a small working project for the user to change: `penstock new`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from data.errors import ConfigError
from data.files.durable_files import translate_disk_errors

_NAME = "PROJECT"  # stands in the template for the project's name
_TEMPLATE_END = ".in"  # of a file of a template that is not yet what it is called


def make_project(
    folder: Path, template: str = "template", values: Mapping[str, str] | None = None
) -> list[Path]:
    """Copy a template into a folder that is new or empty; the folder's name is the project's.

    Args:
        folder: of the project.
        template: a folder beside this module.
        values: word of the template → the text in its place.

    Returns:
        The files written.

    Raises:
        ConfigError: the folder is not empty; nothing was written.
    """
    check_folder(folder)
    texts = {**(values or {}), _NAME: name_project(folder)}
    words = re.compile("|".join(map(re.escape, texts)))
    written = []
    with translate_disk_errors(f"cannot write to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        source = resources.files("pipeline.environment") / template
        for item in sorted(source.iterdir(), key=lambda i: i.name):
            if item.is_file():
                written.append(folder / item.name.removesuffix(_TEMPLATE_END))
                text = words.sub(lambda m: texts[m[0]], item.read_text(encoding="utf-8"))
                written[-1].write_text(text, encoding="utf-8")
    return written


def check_folder(folder: Path) -> None:
    """Raise ConfigError if a folder holds something, or is none."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"{folder} is not empty",
            expected="a new or an empty folder",
            follows="nothing was written",
            remedy="choose another name",
        )


def name_project(folder: Path) -> str:
    """Turn a folder's name into one that a pipeline and its model may have."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", folder.resolve().name)
    return name.strip("_.-") or "project"
