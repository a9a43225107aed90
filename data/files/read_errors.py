"""Raise errors of Penstock for those of reading and decompressing an input file."""

from __future__ import annotations

import errno
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile

from data.errors import BadDataError, EnvironmentTrouble, summarize_error

_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
# RuntimeError: an encrypted zip file, or one with an unsupported compression
_CORRUPT = (BadGzipFile, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)


@contextmanager
def translate_file_errors(name: object, expected: str) -> Iterator[None]:
    """Raise errors of Penstock for errors of reading and decompressing a file.

    Args:
        name: the file, for messages.
        expected: what the file should be.

    Raises:
        BadDataError: it does not exist, is not a file, or its compressed data is damaged.
        EnvironmentTrouble: it cannot be read: permission, disk, network.
    """
    try:
        yield
    except (*_MISSING, *_CORRUPT, OSError) as error:
        why = {"expected": expected, "follows": "nothing was ingested"}
        why["got"] = getattr(error, "strerror", None) or summarize_error(error)
        if isinstance(error, _MISSING):
            remedy = "check ingest.path, and that the dataset was downloaded"
            raise BadDataError(f"{name} does not exist", **why, remedy=remedy) from error
        # a damaged zip file can contain an offset that no file can have
        if isinstance(error, _CORRUPT) or error.errno == errno.EINVAL:
            remedy = "download the file again"
            raise BadDataError(f"{name} is truncated or corrupt", **why, remedy=remedy) from error
        remedy = "fix the permissions, the disk or the network, then run the same command again"
        raise EnvironmentTrouble(f"{name} cannot be read", **why, remedy=remedy) from error
