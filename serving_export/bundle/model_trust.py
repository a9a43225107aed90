"""Check that a model is trusted before it is loaded: loading a SavedModel runs its program.

A manifest shows that a bundle is complete, but anybody can write one. A model is therefore trusted
by a digest of all its bytes, which must be recorded outside its folder: in a pipeline, in the
ledger of the root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from data.errors import BadDataError
from data.files.durable_files import digest_tree
from serving_export.bundle.manifest import MANIFEST, verify_bundle

# Called with a model's folder and digest; raises BadDataError where that digest is not trusted.
TrustCheck = Callable[[Path, str], None]


def trust_caller(folder: Path, digest: str) -> None:
    """Trust any model: for tests and notebooks, where the caller chose the folder."""


def digest_model_folder(folder: Path) -> str:
    """Digest all bytes of a model; for a bundle of Penstock's it is the bundle's digest.

    Raises:
        BadDataError: no model in the folder, or a bundle that does not match its manifest.
    """
    if (folder / MANIFEST).is_file():
        return verify_bundle(folder)
    digests = digest_tree(folder)
    if "saved_model.pb" not in digests:
        raise BadDataError(
            f"{folder} has no model",
            expected="the folder of a SavedModel, or a folder with versions of one",
            got="a folder without saved_model.pb" if folder.is_dir() else "no such folder",
            follows="nothing was loaded",
            remedy="check the path",
        )
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()


def check_digest(folder: Path, digest: str) -> None:
    """Compare a model's bytes, right before they are loaded, with the trusted digest.

    Raises:
        BadDataError: the digests differ.
    """
    got = digest_model_folder(folder)
    if got != digest:
        raise BadDataError(
            f"the model in {folder} is not the trusted one",
            expected=f"digest {digest}",
            got=got,
            follows="it was not loaded, because loading a SavedModel runs its program",
            remedy="run again, to check the model that is there now",
        )
