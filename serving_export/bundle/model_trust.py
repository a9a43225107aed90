"""Who says that a model may be loaded. A SavedModel is a program: whoever loads it runs it.

A bundle's manifest says that the bundle is whole, and anybody can write one. So a model is named by
a digest of all its bytes, and somebody else than its folder must know that digest: in a pipeline
the ledger of the root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from data.errors import BadDataError
from data.files.durable_files import digest_tree
from serving_export.bundle.manifest import MANIFEST, verify_bundle

# Given a model's folder and digest, raises a BadDataError where nobody vouches for that digest.
TrustCheck = Callable[[Path, str], None]


def trust_caller(folder: Path, digest: str) -> None:
    """For a test or a notebook: whoever names a folder there vouches for what lies in it."""


def digest_model_folder(folder: Path) -> str:
    """What names a model's bytes, all of which are read: of a bundle of ours, the bundle's digest.

    Raises:
        BadDataError: no model lies there, or a bundle that is not as its manifest says.
    """
    if (folder / MANIFEST).is_file():
        return verify_bundle(folder)
    listed = digest_tree(folder)
    if "saved_model.pb" not in listed:
        raise BadDataError(
            f"no model lies in {folder}",
            expected="a SavedModel, or a folder of versions of one",
            got="no saved_model.pb in it" if folder.is_dir() else "no such folder",
            follows="nothing was loaded",
        )
    return hashlib.sha256(repr(sorted(listed.items())).encode()).hexdigest()


def check_digest(folder: Path, digest: str) -> None:
    """Hold a model's bytes, just before they are loaded, against the digest that is vouched for.

    Raises:
        BadDataError: they are others.
    """
    got = digest_model_folder(folder)
    if got != digest:
        raise BadDataError(
            f"{folder} is not the model that was meant",
            expected=f"digest {digest}",
            got=got,
            follows="it was not loaded: a SavedModel is a program",
        )
