from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadDataError
from data.spec import ImageSpec
from serving_export.bundle.manifest import MANIFEST, read_manifest, verify_bundle, write_manifest

SPEC = ImageSpec(height=2, width=3, channels=1, class_names=("a", "b"))
FILES = {"saved_model.pb": b"\x08\x01graph", "variables/variables.index": b"index", "empty": b""}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a manifest; what the files hold does not matter here."""
    path = tmp_path_factory.mktemp("sealed")
    for name, content in FILES.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(content)
    return path, write_manifest(path, SPEC, {"seed": 3})


def copy(sealed: tuple[Path, str], to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(sealed[0], to))


def test_reads_back(sealed: tuple[Path, str]) -> None:
    path, digest = sealed
    manifest = read_manifest(path)
    assert (manifest.spec, manifest.metadata) == (SPEC, {"seed": 3})
    assert manifest.files.keys() == FILES.keys()
    assert verify_bundle(path) == verify_bundle(path, digest) == digest


@given(data=st.data())
def test_any_flipped_bit_is_refused(
    sealed: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = copy(sealed, tmp_path_factory.getbasetemp() / "flipped")
    names = [name for name, content in FILES.items() if content] + [MANIFEST]
    file = path / data.draw(st.sampled_from(names))
    content = bytearray(file.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    with pytest.raises(BadDataError) as caught:
        verify_bundle(path, sealed[1])
    # a damaged manifest may show first in what it says of another file
    assert file.name in str(caught.value) or file.name == MANIFEST


def test_a_missing_file_is_named(sealed: tuple[Path, str], tmp_path: Path) -> None:
    path = copy(sealed, tmp_path / "copy")
    (path / "variables/variables.index").unlink()
    with pytest.raises(BadDataError, match=r"variables\.index"):
        verify_bundle(path)


@pytest.mark.parametrize("name", ["evil.so", "variables/more", "assets.extra/penstock.json"])
def test_a_file_that_does_not_belong_is_named(
    sealed: tuple[Path, str], tmp_path: Path, name: str
) -> None:
    path = copy(sealed, tmp_path / "copy")
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_bytes(b"")
    with pytest.raises(BadDataError, match=name):
        verify_bundle(path)


def test_a_link_is_refused(sealed: tuple[Path, str], tmp_path: Path) -> None:
    path = copy(sealed, tmp_path / "copy")
    (path / "saved_model.pb").rename(tmp_path / "elsewhere")
    (path / "saved_model.pb").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadDataError, match=r"saved_model\.pb"):
        verify_bundle(path)


def test_another_bundle_is_refused(sealed: tuple[Path, str]) -> None:
    with pytest.raises(BadDataError, match="is not the expected model"):
        verify_bundle(sealed[0], "0" * 64)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema_version": 3}', '{"schema_version": 2}', "\xff\x00"]
)
def test_a_broken_manifest_is_bad_data(sealed: tuple[Path, str], tmp_path: Path, text: str) -> None:
    path = copy(sealed, tmp_path / "copy")
    (path / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(BadDataError, match=MANIFEST):
        read_manifest(path)


def test_an_impossible_spec_is_bad_data(sealed: tuple[Path, str], tmp_path: Path) -> None:
    path = copy(sealed, tmp_path / "copy")
    content = json.loads((path / MANIFEST).read_text())
    content["spec"]["channels"] = 7
    (path / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BadDataError, match="shape"):
        read_manifest(path)


@pytest.mark.parametrize("where", ["nowhere", "."])
def test_no_bundle_is_bad_data(tmp_path: Path, where: str) -> None:
    with pytest.raises(BadDataError, match="not a model that Penstock wrote"):
        read_manifest(tmp_path / where)


def test_a_cached_run_loads_nothing_heavy() -> None:
    """What a run with every step cached imports of this package and of its components."""
    code = (
        "import sys, components.evaluate, components.export, serving_export.bundle.manifest, "
        "serving_export.model_store.layout, serving_export.model_store.push, "
        "serving_export.parity.check, serving_export.model_store.rollback, "
        "serving_export.model_store.model_card; "
        "heavy = {'tensorflow', 'keras', 'numpy', 'scipy', 'apache_beam', "
        "'tensorflow_model_analysis', 'PIL'}; sys.exit(repr(heavy & set(sys.modules)) "
        "if heavy & set(sys.modules) else 0)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
