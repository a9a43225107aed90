"""Can a served model be compared with? Asked before the one pass over the data begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.evaluate.measure.measurements import Reference
from data.errors import PenstockError, summarize_error
from data.files.documents import read_document
from data.spec import ImageSpec
from serving_export.bundle.manifest import (
    IMAGES,
    PROBABILITIES,
    VERDICT,
    read_manifest,
    verify_bundle,
)
from serving_export.model_store.baseline import find_version
from serving_export.model_store.best import UNKNOWN


def find_reference(
    model_dir: Path, digest: str, spec: ImageSpec, untrusted: str = ""
) -> tuple[Reference, Path | None]:
    """Find a version by its digest and try it.

    Args:
        model_dir: `<serving>/<model>`.
        digest: of the bundle, or `unmanaged:N`.
        spec: of the images that it will be asked about.
        untrusted: why it may not be loaded, where nobody vouches for it.

    Returns:
        The model, with its trouble in words, and its folder; None in place of the folder where it
        cannot be compared with. It is loaded only if every byte of it goes into the digest.
    """
    if digest.startswith("unmanaged:"):
        version = int(digest.partition(":")[2])
        words = f"version {version} has no manifest of ours, so it is not loaded"
        return Reference(digest=digest, version=version, trouble=words, whole=False), None
    if digest.startswith(UNKNOWN):
        version = int(digest.partition(":")[2])
        words = f"the push record of version {version}, which names it, cannot be read"
        return Reference(digest=digest, trouble=words, whole=False), None
    found = find_version(model_dir, digest)
    if found is None:
        words = f"the version with digest {digest[:12]} is gone"
        return Reference(digest=digest, trouble=words, whole=False), None
    version, folder = found
    damage = _damage(folder, digest)
    trouble = damage or untrusted or _trouble(folder, digest, spec)
    if trouble:
        trouble = f"version {version} cannot be compared with: {trouble}"
    reference = Reference(
        digest=digest, version=version, trouble=trouble, whole=not damage, met=_met(folder)
    )
    return reference, None if trouble else folder


def is_whole(model_dir: Path, digest: str) -> bool:
    """Whether a version is there, and every byte of it what its manifest says."""
    found = find_version(model_dir, digest)
    return found is not None and not _damage(found[1], digest)


def _damage(folder: Path, digest: str) -> str:
    try:
        verify_bundle(folder, digest)
    except PenstockError as error:
        return error.what
    return ""


def _met(folder: Path) -> frozenset[tuple[str, str]]:
    """The rules that a version met when it was pushed; none where its verdict cannot be read."""
    try:
        rules = read_document(folder / VERDICT)["rules"]
        return frozenset((r["name"], r["needed"]) for r in rules if r["status"] == "passed")
    except (PenstockError, KeyError, TypeError):
        return frozenset()


def _trouble(folder: Path, digest: str, spec: ImageSpec) -> str:
    try:
        theirs = read_manifest(folder).spec
        if theirs.class_names != spec.class_names:
            return f"it has other classes: {', '.join(theirs.class_names)}"
        if theirs.shape != spec.shape:
            return f"it takes images of shape {theirs.shape}, not {spec.shape}"
        from serving_export.bundle.saved_model import load_bundle

        answer = load_bundle(folder, digest)(IMAGES, np.zeros((1, *spec.shape), np.uint8))
    except PenstockError as error:
        return error.what
    except Exception as error:  # whatever TensorFlow raises for a graph that it cannot run
        return summarize_error(error)
    shape = answer[PROBABILITIES].shape
    return "" if shape == (1, spec.num_classes) else f"it answers with shape {shape}"
