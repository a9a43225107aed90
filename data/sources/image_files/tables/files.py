"""Find the files that a table names, and those that it does not name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath
from data.sources.file_source import LeftOut
from data.sources.image_files.labelled import LabelledFile
from data.sources.image_files.listing import (
    Listed,
    Listing,
    explain_no_image,
    is_below,
    is_image_name,
    list_folder,
)
from data.sources.image_files.tables.rows import Rows, leaving_error

_MISSING = "the file does not exist"


def list_files_of_table(rows: Rows, folder: InputPath, *, everything: bool) -> Listing:
    """List the folder of the images; without `everything` only where rows name files.

    A table may lie beside much else, in a home folder for example. So of its own folder those
    folders are listed that begin the path of a row.
    """
    tops = {name.partition("/")[0] if "/" in name else "" for name in rows.files}
    return list_folder(folder, None if everything else tops)


def find_files(
    rows: Rows, folder: InputPath, table: InputPath, unit: str, *, everything: bool
) -> tuple[list[LabelledFile], list[LeftOut]]:
    """Find the file of each row, by code point of their names, and list the files without a row.

    Args:
        rows: of the table.
        folder: which names are relative to.
        table: the path of the table itself.
        unit: what the numbers of rows count.
        everything: whether all of the folder is listed.

    Raises:
        BadDataError: a link leads out of the folder, or no row's file exists.
        EnvironmentTrouble: the folder cannot be listed.
    """
    listing = list_files_of_table(rows, folder, everything=everything)
    listed = {file.name: file for file in listing.files}
    files = []
    for name, row in sorted(rows.files.items()):
        file = listed.get(name) or _look_up(folder, name)
        if file.leaves:
            raise leaving_error(str(table), f"{unit} {row.number}", name, str(folder))
        files.append(
            LabelledFile(
                name,
                row.label,
                row.split,
                file.size,
                file.identity,
                file.problem,
                row.group,
                row.features,
            )
        )
    _refuse_all_missing(files, folder, table)
    left_out = [entry for entry in listing.left_out if entry.name not in rows.files]
    for name in listed.keys() - rows.files.keys():
        if str(folder / name) != str(table):
            is_image = is_image_name(name)
            left_out.append(LeftOut(name, "no row" if is_image else explain_no_image(name)))
    return files, left_out


def _look_up(folder: InputPath, name: str) -> Listed:
    """Find a file that the listing lacks: it is hidden, no regular file, or missing."""
    is_hidden = any(part.startswith(".") for part in name.split("/"))
    if not isinstance(folder, Path):
        return Listed(name, 0, None, None if is_hidden else _MISSING)
    try:
        status = (folder / name).stat()
    except (OSError, ValueError):
        return Listed(name, 0, None, _MISSING)
    if not stat.S_ISREG(status.st_mode):
        return Listed(name, 0, None, "not a regular file")
    leaves = not is_below(os.path.realpath(folder / name), os.path.realpath(folder))
    return Listed(name, status.st_size, (status.st_dev, status.st_ino), None, leaves)


def _refuse_all_missing(files: list[LabelledFile], folder: InputPath, table: InputPath) -> None:
    if any(file.problem != _MISSING for file in files):
        return
    first = files[0].name if files else ""
    remedy = "set ingest.images to the folder that the paths are relative to"
    if "\\" in first:
        remedy = "write / in the paths, in place of \\"
    raise BadDataError(
        f"none of the files that {escape_line(str(table))} names exists",
        expected=f"paths relative to {escape_line(str(folder))}",
        got=f"{len(files)} rows, the first of {escape_line(first)}" if files else "no rows",
        follows="nothing was ingested",
        remedy=remedy,
    )
