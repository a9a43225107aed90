"""Define two Beam file systems on a local folder: one with folders, one like an object store.

`box:///tmp/x` and `bucket:///tmp/x` are the folder /tmp/x.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata, FileSystem
from apache_beam.io.localfilesystem import LocalFileSystem


class Box(LocalFileSystem):
    """Has folders and times; its errors are the system's, inside Beam's."""

    seen_options: ClassVar[list[Any]] = []  # what each instance was made with
    opened: ClassVar[list[str]] = []  # names of files, in order

    def __init__(self, pipeline_options: Any) -> None:
        super().__init__(pipeline_options)
        self.seen_options.append(pipeline_options)

    @classmethod
    def scheme(cls) -> str:
        return "box"

    _url_dirname = FileSystem._url_dirname

    def _local(self, url: str) -> str:
        return url.removeprefix(f"{self.scheme()}://")

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        folder = self._local(dir_or_prefix)
        try:
            os.listdir(folder)  # os.walk passes over what it may not read
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise BeamIOError("List operation failed", {dir_or_prefix: error}) from None
        for found in super()._list(folder):
            yield FileMetadata(
                f"{self.scheme()}://{found.path}",
                found.size_in_bytes,
                found.last_updated_in_seconds,
            )

    def open(self, path: str, mime_type: str = "", compression_type: str = "auto") -> Any:
        assert compression_type == CompressionTypes.UNCOMPRESSED
        self.opened.append(os.path.basename(path))
        return open(self._local(path), "rb")

    def exists(self, path: str) -> bool:
        return os.path.exists(self._local(path))

    def metadata(self, path: str) -> FileMetadata:
        stat = os.stat(self._local(path))
        return FileMetadata(path, stat.st_size, stat.st_mtime)


class StoreError(Exception):
    """What a store's client raises."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


class Bucket(Box):
    """Has neither folders nor times but checksums; opens when it is read; errors are its own."""

    @classmethod
    def scheme(cls) -> str:
        return "bucket"

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        prefix = Path(self._local(dir_or_prefix))
        if prefix.exists() and not os.access(prefix, os.R_OK, effective_ids=True):
            raise BeamIOError("List failed", {dir_or_prefix: StoreError(403, "Forbidden")})
        for path in prefix.rglob("*"):
            if path.is_file():
                yield FileMetadata(f"bucket://{path}", path.stat().st_size)

    def exists(self, path: str) -> bool:
        return os.path.isfile(self._local(path))

    def open(self, path: str, mime_type: str = "", compression_type: str = "auto") -> Any:
        assert compression_type == CompressionTypes.UNCOMPRESSED
        return _Lazy(self._local(path))

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, os.path.getsize(self._local(path)))

    def checksum(self, path: str) -> str:
        return hashlib.md5(Path(self._local(path)).read_bytes()).hexdigest()


class _Lazy:
    def __init__(self, path: str) -> None:
        self._path = path
        self._at = 0

    def read(self, size: int) -> bytes:
        try:
            with open(self._path, "rb") as file:
                file.seek(self._at)
                content = file.read(size)
        except PermissionError:
            raise StoreError(403, "Forbidden") from None
        except OSError:
            raise StoreError(404, "No such object") from None
        self._at += len(content)
        return content

    def seek(self, offset: int, whence: int = 0) -> None:
        start = (0, self._at, os.path.getsize(self._path))[whence]
        self._at = start + offset

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        pass
