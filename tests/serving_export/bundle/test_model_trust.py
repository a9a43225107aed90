from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import BadDataError
from serving_export.bundle.manifest import MANIFEST
from serving_export.bundle.model_trust import check_digest, digest_model_folder


def test_a_bundle_s_digest_is_of_all_its_bytes(
    make_bundle: Callable[..., tuple[Path, str]], tmp_path: Path
) -> None:
    bundle, digest = make_bundle(tmp_path / "bundle")
    assert digest_model_folder(bundle) == digest
    check_digest(bundle, digest)
    other, _ = make_bundle(tmp_path / "other", b"another graph")
    with pytest.raises(BadDataError, match="is not the trusted one"):
        check_digest(other, digest)
    (bundle / "saved_model.pb").write_bytes(b"GRAPH")
    with pytest.raises(BadDataError, match=r"saved_model\.pb does not match"):
        digest_model_folder(bundle)


@pytest.mark.parametrize("change", ["saved_model.pb", "variables/variables.index", "assets/more"])
def test_of_a_model_without_a_manifest_every_file_counts(
    change: str, make_bundle: Callable[..., tuple[Path, str]], tmp_path: Path
) -> None:
    bundle, _ = make_bundle(tmp_path / "bundle")
    (bundle / MANIFEST).unlink()
    before = digest_model_folder(bundle)
    assert digest_model_folder(bundle) == before
    (bundle / change).parent.mkdir(exist_ok=True)
    (bundle / change).write_bytes(b"another")
    assert digest_model_folder(bundle) != before


def test_no_model(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadDataError, match="has no model"):
            digest_model_folder(folder)
