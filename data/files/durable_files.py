"""Files that survive a kill or a power cut, and digests that prove they did not change."""

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

from data.errors import BadDataError, EnvironmentTrouble

# as `strerror` has it, behind the file's name
_TENSORFLOW = re.compile(
    r"(\S+); (No space left on device|Disk quota exceeded|Read-only file system"
    r"|Input/output error|File too large|Permission denied)"
)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextmanager
def translate_disk_errors(what: str) -> Iterator[None]:
    """Turn an OSError of the block, such as a full disk, into EnvironmentTrouble."""
    try:
        yield
    except OSError as error:
        raise failed_write_error(what, error) from error


def failed_write_error(what: str, error: OSError) -> EnvironmentTrouble:
    """The error for a write that failed; of a copy that is the file that was written to."""
    name = error.filename2 or error.filename
    return EnvironmentTrouble(
        what,
        got=f"{error.strerror or error}" + (f" ({_shown(name)})" if name else ""),
        follows="nothing was left half written",
        remedy="free disk space or mend the permissions, then run the same command again",
    )


def parse_disk_error(text: str) -> tuple[str, str] | None:
    """The file and what is wrong with its disk, where TensorFlow says so: it has no errno."""
    said = _TENSORFLOW.search(text)
    return (said[1], said[2]) if said else None


def _shown(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else str(name)


def sha256_file(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_tree(path: Path, exclude: Collection[str] = ()) -> dict[str, str]:
    """Digest of every file under a folder.

    Args:
        path: the folder.
        exclude: files to leave out, relative to `path`, with "/".

    Returns:
        Relative path with "/" → hex sha256, in the order of the paths. Empty folders do not show.

    Raises:
        BadDataError: something that is neither a folder nor a plain file, such as a link: its
            content could change without this tree changing.
    """
    digests = {}
    for relative, file in sorted((p.relative_to(path).as_posix(), p) for p in path.rglob("*")):
        if file.is_symlink() or not (file.is_dir() or file.is_file()):
            raise BadDataError(f"{file} is no plain file", expected="plain files and folders only")
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

    Raises:
        ValueError: NaN or infinity, which JSON does not have: write None.
        OSError: the disk would not take it; the old file still stands.
    """
    write_text(path, json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 as `write_bytes` writes bytes.

    Raises:
        OSError: the disk would not take it; the old file still stands.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write so that a reader sees the old file or the whole new one, even after a power cut.

    Whom the folder is closed to, the file is closed to as well.

    Raises:
        OSError: the disk would not take it; the old file still stands.
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
    """Remove a folder with all in it, or a file that lies where a folder should, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_half_written(folder: Path) -> None:
    """Remove what writers left directly in a folder when they were killed in `write_bytes`."""
    for left in folder.glob(".*.tmp"):
        left.unlink()


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        BadDataError: there is no such file, or it is not JSON.
        EnvironmentTrouble: it cannot be read.
    """
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadDataError(f"{path} is missing", expected="a JSON file") from error
    except IsADirectoryError as error:
        raise BadDataError(f"{path} is a folder", expected="a JSON file") from error
    except (ValueError, RecursionError) as error:
        raise BadDataError(f"{path} is not JSON", expected="a JSON file", got=error) from error
    except OSError as error:
        raise EnvironmentTrouble(f"cannot read {path}", got=error.strerror) from error
