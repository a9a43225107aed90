"""List the files that a source of labelled files depends on."""

from __future__ import annotations

import os
from pathlib import Path

from data.base.visible_text import escape_line
from data.files.input_files import is_url, resolve_input_path
from data.sources.image_files.listing import Listing, list_folder
from data.sources.image_files.tables.columns import choose_columns
from data.sources.image_files.tables.files import list_files_of_table
from data.sources.image_files.tables.formats import open_table
from data.sources.image_files.tables.rows import collect_rows
from data.sources.source_config import SourceConfig

SOURCES = ("image_folder", "table")


def list_input_files(source: str, config: SourceConfig) -> list[str]:
    """List the files of `image_folder` or `table`: the table too, and images without a row.

    Links that lead nowhere are not among them: the source reports them. Files behind URLs are not
    either, nor is anything where `ingest.path` does not exist.

    Raises:
        BadDataError, ConfigError: the table is invalid.
        EnvironmentTrouble: a folder cannot be listed.
    """
    path = resolve_input_path(config.path, config.beam_args)
    if not isinstance(path, Path) or not path.exists():
        return []
    if source == "image_folder":
        return _list_paths(path, list_folder(path)) if path.is_dir() else [str(path)]
    return [str(path), *_list_images_of_table(path, config)]


def list_input_urls(source: str, config: SourceConfig) -> tuple[str, ...]:
    """List the URLs of the files and folders that a source reads."""
    urls = [path for path in (config.path, config.images) if path and is_url(path)]
    if source == "table" and urls == [config.path] and not config.images:
        return (urls[0].rpartition("/")[0],)  # the images lie beside the table
    return tuple(urls)


def _list_images_of_table(path: Path, config: SourceConfig) -> list[str]:
    folder = path.parent
    if config.images:
        images = resolve_input_path(config.images, config.beam_args)
        if not isinstance(images, Path):
            return []
        folder = images
    where, table = escape_line(str(path)), open_table(path)
    columns = choose_columns(table.header, config, where)
    rows = collect_rows(table, columns, where, folder, config.class_names)
    listing = list_files_of_table(rows, folder, everything=bool(config.images))
    listed = _list_paths(folder, listing)
    hidden = (name for name in rows.files if name.startswith(".") or "/." in name)
    named = (os.path.join(folder, name) for name in hidden)
    return [file for file in (*listed, *filter(os.path.isfile, named)) if file != str(path)]


def _list_paths(folder: Path, listing: Listing) -> list[str]:
    prefix = str(folder).rstrip("/") + "/"
    return [prefix + file.name for file in listing.files if file.problem is None]
