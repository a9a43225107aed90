"""Write predictions for image files to a CSV file, in one step."""

from __future__ import annotations

import csv
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from data.base.visible_text import escape_line
from data.errors import ConfigError
from data.files.durable_files import fsync_path, translate_disk_errors
from serving_export.bundle.manifest import MANIFEST
from serving_export.predict import Answer, BadImage

COLUMNS = ("file", "class", "probability", "problem")
CLASS_PREFIX = "probability_"  # of the columns of the classes


@contextmanager
def write_answers(
    path: Path, class_names: Sequence[str]
) -> Iterator[Callable[[Answer | BadImage], None]]:
    r"""Yield a function that writes one answer as a row; the file appears when the block ends.

    UTF-8, with `COLUMNS` and a column for each class. Each row is one line: a line break in a name
    is written as `\n`, a byte that is no UTF-8 as `\udcXX`. If the block raises an error, the file
    is as it was before.

    Raises:
        EnvironmentTrouble: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    says = f"cannot write {path}"
    try:
        with translate_disk_errors(says):
            file = _open_new(temporary)
        with file:
            writer = csv.writer(file, lineterminator="\n")

            def write(row: list[str]) -> None:
                with translate_disk_errors(says):
                    writer.writerow(map(escape_line, row))

            write([*COLUMNS, *(CLASS_PREFIX + name for name in class_names)])
            yield lambda answer: write(_make_row(answer))
            with translate_disk_errors(says):
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(path)
                fsync_path(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _open_new(path: Path) -> TextIO:
    """Create a file that is readable by those who may read its folder."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666 & path.parent.stat().st_mode)
    return open(descriptor, "w", encoding="utf-8", newline="")


def check_place(path: Path, model_dir: Path, inputs: Sequence[Path]) -> None:
    """Check that a file to write would replace no image, and change no model.

    Args:
        path: the file to write.
        model_dir: the model's folder, or that of a version.
        inputs: the image files.

    Raises:
        ConfigError: it would, or the path is a folder.
    """
    folders = path.absolute().resolve().parents
    model = next((f for f in folders if f == model_dir.resolve() or (f / MANIFEST).exists()), None)
    if path.is_dir():
        got = "a folder"
    elif model:
        got = f"a file in {model}, the folder of a model"
    elif path.exists() and any(path.samefile(image) for image in inputs if image.exists()):
        got = "one of the images"
    else:
        return
    raise ConfigError(
        f"{path} cannot be written",
        expected="a file outside of models, that is none of the images",
        got=got,
        follows="nothing was predicted",
        remedy="choose another file",
    )


def _make_row(answer: Answer | BadImage) -> list[str]:
    if isinstance(answer, BadImage):
        return [answer.name, "", "", answer.problem]
    prediction = answer.prediction
    probabilities = prediction.probabilities.values()
    return [
        answer.name,
        prediction.class_name,
        _format(prediction.probability),
        "",
        *map(_format, probabilities),
    ]


def _format(probability: float) -> str:
    return f"{probability:.9g}"  # as many digits as a float32 has
