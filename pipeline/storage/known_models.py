"""Which models a root vouches for: those that its runs made, and those that somebody trusted."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from components.export import get_login_name
from data.errors import BadDataError
from data.files.durable_files import sha256_file
from pipeline.storage.database import FILE
from pipeline.storage.ledger import Ledger
from pipeline.storage.tables import Trusted
from serving_export.bundle.manifest import MANIFEST
from serving_export.bundle.model_trust import digest_model_folder


@dataclass(frozen=True)
class KnownModels:
    """Vouches for models by digest, wherever they lie, as a `model_trust.TrustCheck`.

    Args:
        root: whose ledger is asked; need not exist.
        trusted: digests to vouch for beside it.
        option: what makes the command at hand trust a folder: "--trust", or "--trust FOLDER".
    """

    root: Path
    trusted: frozenset[str] = frozenset()
    option: str | None = None

    def __call__(self, folder: Path, digest: str) -> None:
        """Raises BadDataError where neither a run of the root nor a person vouches for it."""
        if digest in self.trusted or self._in_ledger(digest) or self._in_artifacts(digest):
            return
        ways = [shlex.join(["penstock", "trust", str(folder), "--root", str(self.root)])]
        if self.option:
            ways.insert(0, "add " + self.option.replace("FOLDER", shlex.quote(str(folder))))
        raise BadDataError(
            f"nobody vouches for the model in {folder}",
            expected=f"one that a run in {self.root} trained or pushed, or that somebody trusted",
            got=f"digest {digest}, which is not known there",
            follows="it was not loaded: a SavedModel is a program",
            remedy=f"if you know where it comes from: {', or '.join(ways)}",
        )

    def _in_ledger(self, digest: str) -> bool:
        if not (self.root / FILE).is_file():
            return False
        with Ledger(self.root) as ledger:
            trusted = {model.digest for model in ledger.trusted()}
            return digest in trusted or bool(ledger.model(digest) or ledger.pushes(digest))

    def _in_artifacts(self, digest: str) -> bool:
        """Whether the root's artifacts hold it: they outlive a ledger that was moved away."""
        manifests = self.root.glob(f"artifacts/*/*/*/bundle/{MANIFEST}")
        return any(sha256_file(manifest) == digest for manifest in manifests)


def trust(folder: Path, root: Path, by: str | None = None) -> tuple[str, bool]:
    """Let a root load the model in a folder, now and later, wherever it lies.

    Args:
        folder: a bundle or another SavedModel; all its bytes are read.
        root: where it is remembered, if a pipeline ran there.
        by: who says so; the login name if None.

    Returns:
        Its digest, and whether it is remembered.

    Raises:
        BadDataError: no model lies there, or it is not whole.
    """
    digest = digest_model_folder(folder)
    if not (root / FILE).is_file():
        return digest, False
    with Ledger(root) as ledger:
        path, now = str(folder.resolve()), time.time()
        ledger.trust(Trusted(digest=digest, path=path, time=now, by=by or get_login_name()))
    return digest, True
