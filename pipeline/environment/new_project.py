"""`penstock new`: a small working project to change into one's own."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from data.errors import ConfigError
from data.files.durable_files import translate_disk_errors


def make_project(folder: Path) -> list[Path]:
    """Copy the template into a folder that is new or empty. Returns the files written.

    Raises:
        ConfigError: the folder holds something already; nothing was written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"{folder} is not empty",
            expected="a new or an empty folder",
            follows="nothing was written",
            remedy="choose another name",
        )
    template = resources.files("pipeline.environment") / "template"
    written = []
    with translate_disk_errors(f"cannot write to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        for item in sorted(template.iterdir(), key=lambda i: i.name):
            if item.is_file():
                written.append(folder / item.name)
                written[-1].write_bytes(item.read_bytes())
    return written
