"""A bundle's own description of itself: `penstock.json`, readable without TensorFlow.

It names every other file of the bundle with its sha256, so its own sha256, the bundle's digest,
names the very bytes that are judged, pushed and served. A push lays a few small files beside it,
which describe the push and not the model; its record names those in the same way.
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
PUSH_RECORD = "push.json"  # laid beside the manifest by a push
VERDICT = "verdict.json"
MODEL_CARD = "model_card.json"
MODEL_CARD_TEXT = "model_card.md"
BESIDE = frozenset(
    {PUSH_RECORD, VERDICT, MODEL_CARD, MODEL_CARD_TEXT}
)  # of no bundle, of a version

ENCODED = "serving_default"  # signature names
IMAGES = "images"
EXAMPLES = "examples"
SIGNATURES = {ENCODED: "image_bytes", IMAGES: "images", EXAMPLES: "examples"}  # → name of the input

PROBABILITIES = "probabilities"  # names of the outputs
CLASS_INDEX = "class_index"
CLASS_NAME = "class_name"

# Attributes of the loaded SavedModel beside its signatures.
WEIGHTS = "weights"  # the model's variables, in the model's order
TRANSFORM = "transform_images"  # images (batch, height, width, channels) uint8 → the model's input


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What `penstock.json` says."""

    spec: ImageSpec
    # of what the model computes: the same for two bundles of one model whose bytes differ
    model_digest: str
    metadata: dict[str, Any]  # JSON-able facts from the writer, such as how the model was trained
    files: dict[str, str]  # relative path → sha256, of every file but the manifest itself


def write_manifest(
    bundle: Path, spec: ImageSpec, metadata: dict[str, Any], model_digest: str | None = None
) -> str:
    """Describe a finished bundle; returns its digest.

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
    """The manifest of a bundle, unverified.

    Raises:
        BadDataError: no manifest, or not one that this version can read.
    """
    path = bundle / MANIFEST
    if not path.is_file():
        raise BadDataError(
            f"{bundle} is not a model that Penstock wrote",
            expected=f"a folder with {MANIFEST}",
            got="no such folder" if not bundle.exists() else f"no {MANIFEST} in it",
            remedy="name a model's folder, <serving>/<model>, or one of its versions",
        )
    try:
        content = read_document(path)
        spec = dict(content["spec"], class_names=tuple(content["spec"]["class_names"]))
        return Manifest(
            spec=ImageSpec(**spec),
            model_digest=str(content["model_digest"]),
            metadata=dict(content["metadata"]),
            files=dict(content["files"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadDataError(
            f"{path} is no manifest that this version reads",
            expected="spec, model_digest, metadata and files",
            got=f"{type(error).__name__}: {error}",
            remedy="use the Penstock that wrote it, or train the model again",
        ) from error


def verify_bundle(bundle: Path, digest: str | None = None) -> str:
    """Check every file of a bundle against the manifest; returns the bundle's digest.

    What a push may lay beside a bundle is left out; `verify_version` checks that too.

    Args:
        bundle: the folder.
        digest: what the bundle's digest must be, where the caller knows.

    Raises:
        BadDataError: another digest, or a file that changed, is missing or does not belong there.
    """
    listed = read_manifest(bundle).files
    seen = sha256_file(bundle / MANIFEST)
    if digest not in (None, seen):
        raise _changed(f"{bundle} is not the model that was meant", f"digest {digest}", seen)
    found = digest_tree(bundle, exclude=(MANIFEST, *BESIDE))
    _compare(bundle, listed, found, "its model's manifest")
    return seen


def read_push_record(version: Path) -> dict[str, Any]:
    """What the push of a version recorded; empty where it has no record.

    Raises:
        BadDataError: there is one and it is not a JSON object.
    """
    path = version / PUSH_RECORD
    record = read_document(path) if path.is_file() else {}
    if not isinstance(record.get("files", {}), dict):
        raise BadDataError(f"{path} is no push record", expected="a JSON object", got=record)
    return record


def find_push_record(version: Path) -> dict[str, Any]:
    """What the push of a version recorded; empty where that is no push record, too."""
    try:
        return read_push_record(version)
    except BadDataError:
        return {}


def verify_version(version: Path, digest: str | None = None) -> str:
    """Check a pushed version: its bundle, and what its push record says lies beside that.

    Args:
        version: the version's folder.
        digest: what the bundle's digest must be, where the caller knows.

    Returns:
        The bundle's digest.

    Raises:
        BadDataError: as `verify_bundle`; or a record about another bundle; or a file beside the
            bundle that changed, is missing or was not laid there by the push.
    """
    seen = verify_bundle(version, digest)
    record = read_push_record(version)
    if record and record.get("digest") != seen:
        path = version / PUSH_RECORD
        raise _changed(
            f"{path} is about another model", f"digest {seen}", str(record.get("digest"))
        )
    names = sorted(BESIDE - {PUSH_RECORD})
    found = {n: sha256_file(version / n) for n in names if (version / n).is_file()}
    _compare(version, record.get("files", {}), found, "its push record")
    return seen


def _compare(folder: Path, listed: dict[str, str], found: dict[str, str], by: str) -> None:
    for name in sorted(listed.keys() | found.keys()):
        if listed.get(name) != found.get(name):
            expected = f"sha256 {listed[name]}" if name in listed else "no such file"
            got = f"sha256 {found[name]}" if name in found else "no such file"
            raise _changed(f"{folder / name} is not what {by} says", expected, got)


def _changed(what: str, expected: str, got: str) -> BadDataError:
    return BadDataError(
        what,
        expected=expected,
        got=got,
        follows="the model was not loaded: a SavedModel is a program",
        remedy="take the model from a whole copy, or train and push it again",
    )
