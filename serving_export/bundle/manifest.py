"""Write, read and verify a bundle's manifest, `penstock.json`, without TensorFlow.

The manifest lists every other file of the bundle with its sha256. Its own sha256 is the bundle's
digest, which identifies the bytes that are evaluated, pushed and served. A push adds a few small
files next to the manifest, which describe the push; the push record lists those with their sha256.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from data.errors import BadDataError
from data.files.documents import read_document, write_document
from data.files.durable_files import digest_tree, sha256_file
from data.spec import ImageSpec

MANIFEST = "penstock.json"
PUSH_RECORD = "push.json"  # added by a push, as are the next three
VERDICT = "verdict.json"
MODEL_CARD = "model_card.json"
MODEL_CARD_TEXT = "model_card.md"
PUSH_FILES = frozenset({PUSH_RECORD, VERDICT, MODEL_CARD, MODEL_CARD_TEXT})

ENCODED = "serving_default"  # signature names
IMAGES = "images"
EXAMPLES = "examples"
SIGNATURES = {
    ENCODED: "image_bytes",
    IMAGES: "images",
    EXAMPLES: "examples",
}  # signature → name of its input

PROBABILITIES = "probabilities"  # names of the outputs
CLASS_INDEX = "class_index"
CLASS_NAME = "class_name"

# Attributes of the loaded SavedModel.
WEIGHTS = "weights"  # the model's variables, in the model's order
READ = "read_image"  # an image file, () string → (height, width, channels) uint8
TRANSFORM = "transform_images"  # images (batch, height, width, channels) uint8 → the model's input


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of `penstock.json`."""

    spec: ImageSpec
    # of what the model computes: the same for two bundles of one model whose bytes differ
    model_digest: str
    metadata: dict[str, Any]  # JSON-able facts from the writer, such as how the model was trained
    files: dict[str, str]  # relative path → sha256, of every file except the manifest


def write_manifest(
    bundle: Path, spec: ImageSpec, metadata: dict[str, Any], model_digest: str | None = None
) -> str:
    """Write the manifest of a finished bundle, and return the bundle's digest.

    Args:
        bundle: its folder.
        spec: of its images and classes.
        metadata: JSON-able facts.
        model_digest: as `digest_model` returns it; None: the digest of all files is used.
    """
    files = digest_tree(bundle, exclude=(MANIFEST,))
    write_document(
        bundle / MANIFEST,
        {
            "spec": asdict(spec),
            "signatures": SIGNATURES,
            "model_digest": model_digest
            or sha256(repr(sorted(files.items())).encode()).hexdigest(),
            "metadata": metadata,
            "files": files,
        },
    )
    return sha256_file(bundle / MANIFEST)


def read_manifest(bundle: Path) -> Manifest:
    """Read the manifest of a bundle, without verifying its files.

    Raises:
        BadDataError: no manifest, or an invalid one.
    """
    path = bundle / MANIFEST
    if not path.is_file():
        raise BadDataError(
            f"{bundle} is not a model that Penstock wrote",
            expected=f"a folder with {MANIFEST}",
            got="no such folder" if not bundle.exists() else f"no {MANIFEST} in it",
            remedy="pass a model's folder, <serving>/<model>, or one of its versions",
        )
    try:
        content = read_document(path)
        return Manifest(
            spec=ImageSpec.from_json(content["spec"]),
            model_digest=str(content["model_digest"]),
            metadata=dict(content["metadata"]),
            files=dict(content["files"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadDataError(
            f"{path} is not a valid manifest",
            expected="spec, model_digest, metadata and files",
            got=f"{type(error).__name__}: {error}",
            remedy="use the Penstock version that wrote it, or train the model again",
        ) from error


def verify_bundle(bundle: Path, digest: str | None = None) -> str:
    """Check every file of a bundle against its manifest, and return the bundle's digest.

    The files that a push adds are ignored; `verify_version` checks them too.

    Args:
        bundle: the folder.
        digest: the expected digest, if known.

    Raises:
        BadDataError: another digest, or a file was changed, removed or added.
    """
    listed = read_manifest(bundle).files
    actual_digest = sha256_file(bundle / MANIFEST)
    if digest not in (None, actual_digest):
        raise _mismatch_error(
            f"{bundle} is not the expected model", f"digest {digest}", actual_digest
        )
    actual = digest_tree(bundle, exclude=(MANIFEST, *PUSH_FILES))
    _compare(bundle, listed, actual, "the manifest of its model")
    return actual_digest


def read_push_record(version: Path) -> dict[str, Any]:
    """Read the push record of a version; empty where it has none.

    Raises:
        BadDataError: the record is invalid.
    """
    path = version / PUSH_RECORD
    record = read_document(path) if path.is_file() else {}
    if not isinstance(record.get("files", {}), dict):
        raise BadDataError(
            f"{path} is not a valid push record",
            expected="an object under the key files",
            got=record["files"],
            remedy="restore the file, or push the model again",
        )
    return record


def find_push_record(version: Path) -> dict[str, Any]:
    """Read the push record of a version; empty where it has none or an invalid one."""
    try:
        return read_push_record(version)
    except BadDataError:
        return {}


def verify_version(version: Path, digest: str | None = None) -> str:
    """Check a pushed version: its bundle, and the files that its push record lists.

    Args:
        version: the version's folder.
        digest: the expected digest of the bundle, if known.

    Returns:
        The bundle's digest.

    Raises:
        BadDataError: as `verify_bundle`; or a record of another bundle; or a file of the push was
            changed, removed or added.
    """
    actual_digest = verify_bundle(version, digest)
    record = read_push_record(version)
    if record and record.get("digest") != actual_digest:
        raise _mismatch_error(
            f"{version / PUSH_RECORD} is the record of another model",
            f"digest {actual_digest}",
            str(record.get("digest")),
        )
    names = sorted(PUSH_FILES - {PUSH_RECORD})
    actual = {n: sha256_file(version / n) for n in names if (version / n).is_file()}
    _compare(version, record.get("files", {}), actual, "its push record")
    return actual_digest


def _compare(folder: Path, listed: dict[str, str], actual: dict[str, str], by: str) -> None:
    for name in sorted(listed.keys() | actual.keys()):
        if listed.get(name) != actual.get(name):
            expected = f"sha256 {listed[name]}" if name in listed else "no such file"
            got = f"sha256 {actual[name]}" if name in actual else "no such file"
            raise _mismatch_error(f"{folder / name} does not match {by}", expected, got)


def _mismatch_error(what: str, expected: str, got: str) -> BadDataError:
    return BadDataError(
        what,
        expected=expected,
        got=got,
        follows="the model was not loaded, because loading a SavedModel runs its program",
        remedy="restore the model from an intact copy, or train and push it again",
    )
