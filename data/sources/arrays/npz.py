"""Read arrays that NumPy saved as `.npz`, by their names: Keras's, MedMNIST's, KMNIST's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath, resolve_input_path
from data.files.read_errors import translate_file_errors
from data.sources.arrays.array_files import ArrayFile
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.arrays.array_source import ArraySource
from data.sources.arrays.labelled_images import LabelledImages
from data.sources.arrays.named_arrays import (
    choose_dataset,
    describe_found,
    pair_splits,
    parse_array_name,
)
from data.sources.arrays.npz_members import list_members, read_member
from data.sources.source_config import SourceConfig

_LISTED = 12  # most arrays that a message describes


class _Member(NamedTuple):
    path: InputPath
    entry: str  # of the archive, such as x_train.npy
    name: str  # what tells the arrays apart: x_train, the name of the file, or both


class NpzSource(ArraySource):
    """The arrays in the file `path`, or in the files of the folder `path`.

    Images are (n, height, width) or (n, height, width, channels) uint8, or with channels in the
    order of `ingest.axes`; labels are (n,) or (n, 1) of any integer type.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("npz")
        path = resolve_input_path(config.path, config.beam_args)
        members = _list_files(path) if _is_folder(path) else _list_file(path)
        arrays = [member for member in members if member.entry.endswith(".npy")]
        named = [(name, m) for m in arrays if (name := parse_array_name(m.name))]
        if any(not name.dataset for name, _ in named):  # x_train; x_train_small is another array
            named = [(name, m) for name, m in named if not name.dataset]
        where = escape_line(str(path))
        found = choose_dataset(named, config.name, where)
        pairs = pair_splits(found.arrays, where, lambda: _describe_members(members))
        splits: dict[str | None, list[LabelledImages]] = {
            split: [LabelledImages(_get_images(images), _get_labels(labels))]
            for split, (images, labels) in pairs.items()
        }
        used = {member for pair in pairs.values() for member in pair}
        unused = [member.name for member in members if member not in used]
        layout = ArrayLayout.of(config, found.dataset)
        super().__init__(splits, config, layout=layout, facts=describe_found(found, config, unused))


def _is_folder(path: InputPath) -> bool:
    return os.path.isdir(path) if isinstance(path, Path) else not path.name.lower().endswith(".npz")


def _list_file(path: InputPath) -> list[_Member]:
    return [_Member(path, member, member.removesuffix(".npy")) for member in list_members(path)]


def _list_files(folder: InputPath) -> list[_Member]:
    """List the arrays of all files: kmnist-train-imgs.npz has one, train.npz may have x and y."""
    with translate_file_errors(folder, "a folder with .npz files"):
        files: list[InputPath] = sorted(folder.iterdir(), key=lambda file: file.name)
    members = []
    for file in files:
        if file.name.lower().endswith(".npz"):
            name = file.name[: -len(".npz")]
            own = _list_file(file)
            if len(own) == 1 and parse_array_name(name):
                members.append(own[0]._replace(name=name))
            else:
                members += [m._replace(name=f"{name}-{m.name}") for m in own]
    return members


def _describe_members(members: list[_Member]) -> str:
    """Describe the arrays that are there: names, types and shapes."""
    texts = []
    for member in members[:_LISTED]:
        try:
            array = read_member(member.path, member.entry)
            what = f"{array.dtype} {array.shape}"
        except BadDataError:
            what = "not an array of numbers"
        texts.append(f"{escape_line(member.name)}: {what}")
    more = [f"{len(members) - _LISTED} more"] if len(members) > _LISTED else []
    return "; ".join(texts + more) or "no arrays"


def _get_images(member: _Member) -> ArrayFile:
    array = read_member(member.path, member.entry)
    if array.dtype != np.uint8 or len(array.shape) not in (3, 4):
        raise _array_error(
            array, "uint8 of shape (n, height, width) or (n, height, width, channels)"
        )
    return array


def _get_labels(member: _Member) -> ArrayFile:
    array = read_member(member.path, member.entry)
    if array.dtype.kind not in "iu" or array.shape[1:] not in ((), (1,)):
        raise _array_error(array, "integers of shape (n,) or (n, 1), one for each image")
    return array


def _array_error(array: ArrayFile, expected: str) -> BadDataError:
    return BadDataError(
        f"{array.name} has the wrong type or shape",
        expected=expected,
        got=f"{array.dtype} of shape {array.shape}",
        follows="nothing was ingested",
        remedy="convert the array and save the file again",
    )
