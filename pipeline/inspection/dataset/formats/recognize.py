"""Recognize which source reads the data under a path."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.sources.image_files.listing import ENDINGS
from pipeline.inspection.dataset.formats.place import Place, ends, look_at_place
from pipeline.inspection.dataset.formats.recognizers import RECOGNIZERS

_MOST_FOLDERS = 4  # in which data of one format is looked for: more are folders of classes
_REMEDIES = {
    (
        ".zip",
        ".tar",
        ".tar.gz",
        ".tgz",
        ".7z",
        ".rar",
    ): "unpack the archive first",
    (
        ".pkl",
        ".pickle",
        ".meta",
        ".pt",
        ".pth",
    ): "nothing is unpickled, since a pickle runs code: "
    "get another version of the dataset, such as CIFAR's binary one, or write arrays by np.savez",
    (".npy", ".mat", ".h5", ".hdf5"): "write the arrays by np.savez as x_train, y_train, x_test "
    "and y_test",
}
_REMEDY = (
    "put the images of each class into a folder of its own, or write a table with the columns path "
    "and label beside them"
)


class Recognized(NamedTuple):
    """Which source reads the data, and where that source finds it."""

    source: str
    path: str


def recognize(path: str) -> Recognized:
    """Choose the source for a file or a folder.

    Raises:
        BadDataError: nothing is there that a source could read.
        EnvironmentTrouble: the folder cannot be listed.
    """
    place = look_at_place(path)
    below = [*place.enter_folders()] if len(place.folders) <= _MOST_FOLDERS else []
    for recognizer in RECOGNIZERS:
        for candidate in (place, *(below if recognizer.below else ())):
            if (found := recognizer.find(candidate)) is not None:
                return Recognized(recognizer.source, found)
    raise _nothing_error(place)


def _nothing_error(place: Place) -> BadDataError:
    images = sum(ends(name, ENDINGS) for name in place.files)
    remedies = (text for endings, text in _REMEDIES.items() if _any_ends(place, endings))
    return BadDataError(
        f"{escape_line(place.path)} is no dataset",
        expected="; ".join(recognizer.reads for recognizer in reversed(RECOGNIZERS)),
        got=f"{images} images without a class" if images else _list_files(place),
        follows="nothing was read",
        remedy=next(remedies, _REMEDY),
    )


def _any_ends(place: Place, endings: tuple[str, ...]) -> bool:
    return any(ends(name, endings) for name in place.files)


def _list_files(place: Place) -> str:
    """Name a few files, or count many by their endings."""
    if len(place.files) <= 8:
        return ", ".join(map(escape_line, place.files)) or "nothing"
    endings = Counter(PurePath(name).suffix.lower() or "no ending" for name in place.files)
    return ", ".join(f"{n:,} with {escape_line(end)}" for end, n in endings.most_common(8))
