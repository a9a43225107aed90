"""Write files that survive a kill or a power cut, and digest files to detect changes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.errors import BadDataError, EnvironmentTrouble, unreadable_file_error

# TensorFlow's text of a disk error: the file, then the system's message
_TENSORFLOW_ERROR = re.compile(
    r"(\S+); (No space left on device|Disk quota exceeded|Read-only file system"
    r"|Input/output error|File too large|Permission denied)"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextmanager
def translate_disk_errors(what: str) -> Iterator[None]:
    """Raise EnvironmentTrouble for an OSError of the block, such as a full disk.

    Args:
        what: the first line of the error: "cannot write FILE".
    """
    try:
        yield
    except OSError as error:
        raise failed_write_error(what, error) from error


def failed_write_error(what: str, error: OSError) -> EnvironmentTrouble:
    """Return the error for a failed write; it names the target where a copy failed."""
    name = error.filename2 or error.filename
    return EnvironmentTrouble(
        what,
        got=f"{error.strerror or error}" + (f" ({_shown(name)})" if name else ""),
        follows="no incomplete file remains",
        remedy="free disk space or fix the permissions, then run the same command again",
    )


def parse_disk_error(text: str) -> tuple[str, str] | None:
    """Parse TensorFlow's text of a disk error: the file and the system's message."""
    match = _TENSORFLOW_ERROR.search(text)
    return (match[1], match[2]) if match else None


def _shown(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else str(name)


def sha256_file(path: Path) -> str:
    """Return the hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_tree(path: Path, exclude: Collection[str] = ()) -> dict[str, str]:
    """Digest every file under a folder.

    Args:
        path: the folder.
        exclude: files to leave out, relative to `path`, with "/".

    Returns:
        Relative path with "/" → hex sha256, in the order of the paths; without empty folders.

    Raises:
        BadDataError: an entry that is neither a folder nor a regular file, such as a link: its
            target could change without a change of this folder.
    """
    digests = {}
    for relative, file in sorted((p.relative_to(path).as_posix(), p) for p in path.rglob("*")):
        if file.is_symlink() or not (file.is_dir() or file.is_file()):
            raise BadDataError(
                f"{file} is not a regular file",
                expected="only regular files and folders",
                remedy="replace it by a regular file, or remove it",
            )
        if file.is_file() and relative not in exclude:
            digests[relative] = sha256_file(file)
    return digests


def fsync_path(path: Path) -> None:
    """Force a file's bytes, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(path: Path) -> None:
    """Force everything under a folder to the disk, files before the folders that name them."""
    for folder, _, files in os.walk(path, topdown=False):
        for name in files:
            fsync_path(Path(folder, name))
        fsync_path(Path(folder))


def write_json(path: Path, obj: Any) -> None:
    """Write JSON as `write_text` writes text.

    Bytes of file names that are no UTF-8, which Python keeps as lone surrogates, are escaped.

    Raises:
        ValueError: NaN or infinity, which JSON does not have: write None.
        OSError: the file could not be written; the old one is unchanged.
    """
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(path, _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 as `write_bytes` writes bytes.

    Raises:
        OSError: the file could not be written; the old one is unchanged.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step: a reader sees the old or the complete new one, always.

    The file is readable by those who may read its folder.

    Raises:
        OSError: the file could not be written; the old one is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        access = 0o666 & path.parent.stat().st_mode
        with os.fdopen(os.open(temporary, _NEW, access), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_path(path.parent)


def remove(path: Path) -> None:
    """Remove a folder and its content, or a file or link at that path, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_half_written(folder: Path) -> None:
    """Remove the temporary files in a folder whose writers were killed in `write_bytes`."""
    for temporary in folder.glob(".*.tmp"):
        temporary.unlink()


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        BadDataError: the file does not exist, or is not JSON.
        EnvironmentTrouble: it cannot be read.
    """
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _json_error(f"{path} is missing", "no such file") from error
    except IsADirectoryError as error:
        raise _json_error(f"{path} is not JSON", "a folder") from error
    except (ValueError, RecursionError) as error:
        raise _json_error(f"{path} is not JSON", error) from error
    except OSError as error:
        raise unreadable_file_error(path, error) from error


def _json_error(what: str, got: object) -> BadDataError:
    return BadDataError(
        what,
        expected="a JSON file",
        got=got,
        remedy="restore the file, or repeat the step that wrote it",
    )
