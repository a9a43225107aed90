"""Opening input files: what is missing, unreadable or cut short becomes one clear error."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from data.errors import BadDataError, ConfigError, EnvironmentTrouble


def required_path(path: str | None, source: str, meaning: str) -> Path:
    """The config's path. Raises ConfigError where it is not set, BadDataError where it is nothing."""
    if not path:
        raise ConfigError(
            f"the source {source!r} needs a path",
            expected=meaning,
            remedy=f"--set ingest.path={'FILE' if 'file' in meaning.split()[:2] else 'DIR'}",
        )
    found = Path(path)
    with reading(found):
        found.stat()
    return found


def find_one(folder: Path, names: Sequence[str]) -> Path:
    """The first of these names that lies in the folder.

    Raises:
        BadDataError: none does; says which were looked for and what is there.
        EnvironmentTrouble: the folder cannot be read.
    """
    with reading(folder):
        present = sorted(p.name for p in folder.iterdir())
    for name in names:
        if name in present:
            return folder / name
    raise BadDataError(
        f"{folder} lacks a file",
        expected=" or ".join(names),
        got=", ".join(present[:8]) + (", …" if len(present) > 8 else "") or "an empty folder",
        follows="nothing was written",
        remedy="name the folder that holds the dataset's files: --set ingest.path=DIR",
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Errors of the block become ours.

    Raises:
        BadDataError: no such file, not a folder where one is needed, or broken compression.
        EnvironmentTrouble: no permission, or the disk fails.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise BadDataError(
            f"{path} cannot be read",
            got=error.strerror,
            follows="nothing was written",
            remedy="check ingest.path",
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadDataError(
            f"{path} is not a whole gzip file",
            expected="compressed data to its end",
            got=error,
            follows="nothing was written",
            remedy="fetch the file again: it was cut short or damaged on its way",
        ) from error
    except OSError as error:
        raise EnvironmentTrouble(
            f"{path} cannot be read",
            got=error.strerror or error,
            follows="nothing was written",
            remedy="mend the permissions or the disk, then run the same command again",
        ) from error


@contextmanager
def open_maybe_gzip(path: Path) -> Iterator[BinaryIO]:
    """A file's bytes, decompressed if its name ends in .gz. Raises as `reading` does."""
    with reading(path):
        opened = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
        with opened as file:
            yield cast(BinaryIO, file)
