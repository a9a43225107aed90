"""Read the binary version of CIFAR-10 and CIFAR-100: records of labels and a colour image.

A record has one byte of label, or two in CIFAR-100 (coarse and fine), and 3 x 32 x 32 bytes: all
red values, then green, then blue.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from data.base.visible_text import escape_line
from data.errors import BadDataError, ConfigError
from data.files.input_files import InputPath, resolve_input_path
from data.files.read_errors import translate_file_errors
from data.sources.arrays.array_files import (
    ArrayFile,
    look_at_file,
    open_bytes,
    wrong_length_error,
)
from data.sources.arrays.array_layout import ArrayLayout
from data.sources.arrays.array_source import ArraySource
from data.sources.arrays.labelled_images import LabelledRecords, no_images_error
from data.sources.source_config import SourceConfig

_SHAPE = (3, 32, 32)
_MOST_BYTES = 1 << 16  # of a file of class names
_REMEDY = (
    "download the binary version, cifar-10-binary.tar.gz or cifar-100-binary.tar.gz, from "
    "https://www.cs.toronto.edu/~kriz/cifar.html, unpack it, and set ingest.path to its folder"
)


class _Labels(NamedTuple):
    """What the labels of a column are."""

    byte: int  # of a record
    classes: int
    names: str  # the file with a name in each line


class _Dataset(NamedTuple):
    title: str
    files: dict[str, tuple[str, ...]]  # split → files
    labels: dict[str | None, _Labels]  # ingest.label_column → labels
    label_bytes: int


_CIFAR_10 = _Dataset(
    "CIFAR-10",
    {
        "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        "test": ("test_batch.bin",),
    },
    {None: _Labels(0, 10, "batches.meta.txt")},
    1,
)
_FINE = _Labels(1, 100, "fine_label_names.txt")
_CIFAR_100 = _Dataset(
    "CIFAR-100",
    {"train": ("train.bin",), "test": ("test.bin",)},
    {None: _FINE, "fine_label": _FINE, "coarse_label": _Labels(0, 20, "coarse_label_names.txt")},
    2,
)


class CifarBinarySource(ArraySource):
    """The files of CIFAR-10 or CIFAR-100 in the folder `path`.

    `ingest.label_column` is fine_label, which CIFAR-100 takes without it, or coarse_label.
    """

    def __init__(self, config: SourceConfig) -> None:
        config.check("cifar_binary")
        folder = resolve_input_path(config.path, config.beam_args)
        with translate_file_errors(folder, "a folder with the binary version of CIFAR"):
            names = {file.name for file in folder.iterdir()}
        dataset = _choose_dataset(folder, names)
        labels = _choose_labels(dataset, config.label_column)
        record = np.dtype([("labels", "u1", (dataset.label_bytes,)), ("image", "u1", _SHAPE)])
        super().__init__(
            {
                split: [LabelledRecords(_open_file(folder / f, record), labels.byte) for f in files]
                for split, files in dataset.files.items()
            },
            config,
            layout=ArrayLayout("CHW"),
            class_names=_read_names(folder / labels.names, labels.classes)
            if labels.names in names
            else tuple(map(str, range(labels.classes))),
        )


def _choose_dataset(folder: InputPath, names: set[str]) -> _Dataset:
    where = escape_line(str(folder))
    present = ", ".join(map(escape_line, sorted(names)[:12])) or "an empty folder"
    for dataset in (_CIFAR_10, _CIFAR_100):
        files = [file for files in dataset.files.values() for file in files]
        missing = [file for file in files if file not in names]
        if missing and len(missing) < len(files):
            raise BadDataError(
                f"{where} lacks files of {dataset.title}",
                expected=", ".join(files),
                got=f"no {', '.join(missing)}",
                follows="nothing was ingested",
                remedy=_REMEDY,
            )
        if not missing:
            return dataset
        if names >= {file.removesuffix(".bin") for file in files}:
            raise BadDataError(
                f"{where} holds the Python version of {dataset.title}",
                expected=f"its binary version: {', '.join(files)}",
                got=f"{present}: pickles, which are never read, since they may run any code",
                follows="nothing was ingested",
                remedy=_REMEDY,
            )
    raise BadDataError(
        f"{where} holds no binary version of CIFAR-10 or CIFAR-100",
        expected="data_batch_1.bin to data_batch_5.bin and test_batch.bin, or train.bin and "
        "test.bin",
        got=present,
        follows="nothing was ingested",
        remedy=_REMEDY,
    )


def _choose_labels(dataset: _Dataset, column: str | None) -> _Labels:
    if column in dataset.labels:
        return dataset.labels[column]
    columns = " or ".join(name for name in dataset.labels if name)
    raise ConfigError(
        f"{dataset.title} has no labels of ingest.label_column",
        expected=columns or "no ingest.label_column, since there is one label for each image",
        got=f"ingest.label_column = {column!r}",
        follows="nothing was ingested",
        remedy="--set ingest.label_column=coarse_label" if columns else "remove the setting",
    )


def _open_file(path: InputPath, record: np.dtype) -> ArrayFile:
    with translate_file_errors(path, "a file of CIFAR's binary version"):
        _, size = look_at_file(path)
    count, rest = divmod(size, record.itemsize)
    if rest:
        raise wrong_length_error(
            path,
            f"a multiple of {record.itemsize:,} bytes, the labels and pixels of an image",
            f"{size:,} bytes: {count:,} images and {rest:,} bytes",
        )
    if not count:
        raise no_images_error(path)
    return ArrayFile(str(path), (count,), record, 0, False, partial(open_bytes, path))


def _read_names(path: InputPath, classes: int) -> tuple[str, ...]:
    """Read the names of the classes, one in each line."""
    with translate_file_errors(path, "a file of class names"), path.open("rb") as file:
        text = file.read(_MOST_BYTES).decode(errors="replace")
    names = tuple(filter(None, map(str.strip, text.splitlines())))
    if len(set(names)) != classes or len(names) != classes:
        raise BadDataError(
            f"{path} does not name the classes",
            expected=f"{classes} different names, one in each line",
            got=f"{len(names)} lines: {', '.join(map(escape_line, names[:3]))} …",
            follows="nothing was ingested",
            remedy="download the file again, or remove it and set ingest.class_names",
        )
    return names
