"""Copy a dataset that Google has prepared from the public bucket of TensorFlow Datasets.

TFDS itself no longer looks there: since 4.9.10 its `try_gcs` does nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from data.errors import BadDataError

BUCKET = "https://storage.googleapis.com/storage/v1/b/tfds-data/o"
_BLOCK = 1 << 20  # bytes written at a time


def copy_from_bucket(full_name: str, folder: Path) -> bool:
    """Copy the files of a dataset; return False if the bucket does not have it.

    Args:
        full_name: name, config if there is one, and version: mnist/3.0.1.
        folder: the dataset's own; it must not exist, and appears when all files are there.

    Raises:
        BadDataError: a file arrived damaged.
        requests.RequestException: the bucket cannot be reached.
        OSError: the files cannot be written.
    """
    import requests

    prefix = f"datasets/{full_name}/"
    with requests.Session() as session:
        files = _list_files(session, prefix)
        if not any(name == "dataset_info.json" for name in files):
            return False
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-")
        try:
            for name, checksum in files.items():
                url = f"{BUCKET}/{quote(prefix + name, safe='')}?alt=media"
                _copy_file(session, url, Path(partial, name), checksum)
            os.chmod(partial, 0o755)
            os.rename(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return True


def _list_files(session: Any, prefix: str) -> dict[str, str]:
    """List the files directly in a folder of the bucket: name → MD5 in base64."""
    files: dict[str, str] = {}
    page: str | None = ""
    while page is not None:
        query = {"prefix": prefix, "delimiter": "/", "pageToken": page}
        response = session.get(BUCKET, params={k: v for k, v in query.items() if v})
        response.raise_for_status()
        listing = response.json()
        for item in listing.get("items", ()):
            name = item["name"].removeprefix(prefix)
            if name and "/" not in name and name not in (".", ".."):
                files[name] = item.get("md5Hash", "")
        page = listing.get("nextPageToken")
    return files


def _copy_file(session: Any, url: str, path: Path, checksum: str) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with session.get(url, stream=True) as response, path.open("wb") as file:
        response.raise_for_status()
        for block in response.iter_content(_BLOCK):
            digest.update(block)
            file.write(block)
    got = base64.b64encode(digest.digest()).decode()
    if checksum and got != checksum:
        raise BadDataError(
            f"{path.name} arrived damaged from {url}",
            expected=f"a file with the MD5 checksum {checksum}",
            got=got,
            follows="nothing was ingested",
            remedy="run the same command again",
        )
