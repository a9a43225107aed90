"""Recognize which source reads the data under a path, by looking at the names of its files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import NamedTuple

from data.errors import BadDataError, unreadable_file_error
from data.files.input_files import InputPath, is_url, resolve_input_path
from data.sources.image_files.listing import ENDINGS
from data.sources.image_files.tables import formats

_TFDS = {"dataset_info.json", "features.json"}


class Recognized(NamedTuple):
    """Which source reads the data, and where that source finds it."""

    source: str
    path: str


def recognize(path: str) -> Recognized:
    """Choose the source for a file or a folder.

    A table is chosen if the images beside it do not lie in folders of classes.

    Raises:
        BadDataError: nothing is there that a source could read.
        EnvironmentTrouble: the folder cannot be listed.
    """
    place = resolve_input_path(path)
    try:
        entries: list[InputPath] = sorted(place.iterdir(), key=str)
    except NotADirectoryError:
        return _recognize_file(path)
    except FileNotFoundError as error:
        if is_url(path):  # listing does not tell a file from a missing folder
            return _recognize_file(path)
        raise BadDataError(
            f"{path} does not exist",
            expected="a folder of images, or a file of a dataset",
            remedy="check the path",
        ) from error
    except OSError as error:
        raise unreadable_file_error(path, error) from error
    names = [entry.name for entry in entries if not entry.name.startswith(".")]
    if any("-ubyte" in name for name in names):
        return Recognized("idx", path)
    if set(names) >= _TFDS:
        return Recognized("tfds_dir", path)
    tables = [name for name in names if _ends(name, formats.ENDINGS)]
    arrays = [name for name in names if _ends(name, (".npz",))]
    if len(arrays) == 1 and not tables:
        return Recognized("npz", _join(path, arrays[0]))
    folders = [entry for entry in entries if entry.name in names and _is_folder(entry)]
    has_images = any(_ends(name, ENDINGS) for name in names)
    if tables and (has_images or len(folders) <= 1):
        return Recognized("table", _join(path, tables[0]))
    if folders:
        return Recognized("image_folder", path)
    raise _nothing_error(path, names)


def _recognize_file(path: str) -> Recognized:
    name = PurePath(path).name
    if _ends(name, formats.ENDINGS):
        return Recognized("table", path)
    if _ends(name, (".npz",)):
        return Recognized("npz", path)
    if "-ubyte" in name:
        return Recognized("idx", path.removesuffix(name).rstrip("/") or ".")
    raise _nothing_error(path, [name])


def _nothing_error(path: str, names: Iterable[str]) -> BadDataError:
    names = list(names)
    images = sum(_ends(name, ENDINGS) for name in names)
    return BadDataError(
        f"{path} is no dataset",
        expected="a folder for each class with its images, a table of paths and labels, IDX files, "
        "an .npz file, or a folder of TensorFlow Datasets",
        got=f"{images} images without a class" if images else ", ".join(names[:8]) or "nothing",
        follows="nothing was read",
        remedy="put the images of each class into a folder of its own, or write a table with the "
        "columns path and label beside them",
    )


def _ends(name: str, endings: tuple[str, ...]) -> bool:
    return name.lower().endswith(endings)


def _join(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"


def _is_folder(entry: InputPath) -> bool:
    try:
        next(iter(entry.iterdir()), None)
    except OSError:
        return False
    return True
