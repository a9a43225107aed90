"""Decide which models a root may load: those that its runs made, and those a person trusted."""

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
    """Allow models by digest, wherever they lie: a `serving_export.bundle.model_trust.TrustCheck`.

    Args:
        root: whose ledger is read; need not exist.
        trusted: further digests to allow.
        option: of the running command, that trusts a folder: "--trust", or "--trust FOLDER".
    """

    root: Path
    trusted: frozenset[str] = frozenset()
    option: str | None = None

    def __call__(self, folder: Path, digest: str) -> None:
        """Raises BadDataError where no run of the root made it, and no person trusted it."""
        if digest in self.trusted or self._in_ledger(digest) or self._in_artifacts(digest):
            return
        commands = [shlex.join(["penstock", "trust", str(folder), "--root", str(self.root)])]
        if self.option:
            commands.insert(0, "add " + self.option.replace("FOLDER", shlex.quote(str(folder))))
        raise BadDataError(
            f"the model in {folder} is not trusted",
            expected=f"a model that a run in {self.root} trained or pushed, or a trusted one",
            got=f"digest {digest}, which is unknown there",
            follows="it was not loaded, since a SavedModel can run any code",
            remedy=f"if you know where it comes from: {', or '.join(commands)}",
        )

    def _in_ledger(self, digest: str) -> bool:
        if not (self.root / FILE).is_file():
            return False
        with Ledger(self.root) as ledger:
            trusted = {model.digest for model in ledger.trusted()}
            return digest in trusted or bool(ledger.model(digest) or ledger.pushes(digest))

    def _in_artifacts(self, digest: str) -> bool:
        """Whether the root's artifacts hold the model; they outlive a ledger that was moved."""
        manifests = self.root.glob(f"artifacts/*/*/*/bundle/{MANIFEST}")
        return any(sha256_file(manifest) == digest for manifest in manifests)


def trust(folder: Path, root: Path, by: str | None = None) -> tuple[str, bool]:
    """Allow a root to load the model in a folder, now and later, wherever it lies.

    Args:
        folder: a bundle or another SavedModel; all its bytes are read.
        root: whose ledger stores it, if a pipeline ran there.
        by: who trusts it; the login name if None.

    Returns:
        The model's digest, and whether it was stored.

    Raises:
        BadDataError: the folder holds no model, or an incomplete one.
    """
    digest = digest_model_folder(folder)
    if not (root / FILE).is_file():
        return digest, False
    with Ledger(root) as ledger:
        path, now = str(folder.resolve()), time.time()
        ledger.trust(Trusted(digest=digest, path=path, time=now, by=by or get_login_name()))
    return digest, True
