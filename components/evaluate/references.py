"""Find pushed models to compare with, and check that they can be evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.evaluate.measure.measurements import Reference
from data.errors import PenstockError, summarize_error
from data.examples.artifact import Examples
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

if TYPE_CHECKING:
    from serving_export.bundle.saved_model import Bundle

Keep = Callable[["Bundle"], object]
_SETTINGS = ("fit", "interpolation", "antialias", "background", "orientation")


def _drop(_: Bundle) -> None:
    """Keep nothing."""


def find_reference(
    model_dir: Path, digest: str, examples: Examples, untrusted: str = "", keep: Keep = _drop
) -> tuple[Reference, Path | None]:
    """Find a pushed version by its digest, and try it on one image.

    Args:
        model_dir: `<serving>/<model>`.
        digest: of the bundle, or `unmanaged:N`.
        examples: the images that it will be evaluated on.
        untrusted: why it may not be loaded; "" if it may.
        keep: called with the loaded model: who keeps it need not load it again, see `open_models`.

    Returns:
        The model with the reason why it cannot be compared with, if there is one, and its folder,
        or None if it cannot be compared with. It is loaded only if its bytes match the digest.
    """
    if digest.startswith("unmanaged:"):
        version = int(digest.partition(":")[2])
        trouble = f"version {version} has no Penstock manifest, so it is not loaded"
        return Reference(digest=digest, version=version, trouble=trouble, whole=False), None
    if digest.startswith(UNKNOWN):
        version = int(digest.partition(":")[2])
        trouble = f"the push record of version {version}, which names this model, cannot be read"
        return Reference(digest=digest, trouble=trouble, whole=False), None
    stored = find_version(model_dir, digest)
    if stored is None:
        trouble = f"the version with digest {digest[:12]} is missing"
        return Reference(digest=digest, trouble=trouble, whole=False), None
    version, folder = stored
    damage = _find_damage(folder, digest)
    trouble = damage or untrusted or _find_trouble(folder, digest, examples, keep)
    if trouble:
        trouble = f"version {version} cannot be evaluated: {trouble}"
    reference = Reference(
        digest=digest,
        version=version,
        trouble=trouble,
        whole=not damage,
        met=_read_met_rules(folder),
    )
    return reference, None if trouble else folder


def is_whole(model_dir: Path, digest: str) -> bool:
    """Whether a version exists and all of its bytes match its manifest."""
    stored = find_version(model_dir, digest)
    return stored is not None and not _find_damage(stored[1], digest)


def _find_damage(folder: Path, digest: str) -> str:
    try:
        verify_bundle(folder, digest)
    except PenstockError as error:
        return error.what
    return ""


def _read_met_rules(folder: Path) -> frozenset[tuple[str, str]]:
    """Read which rules a version met when it was pushed; none if its verdict cannot be read."""
    try:
        rules = read_document(folder / VERDICT)["rules"]
        return frozenset((r["name"], r["needed"]) for r in rules if r["status"] == "passed")
    except (PenstockError, KeyError, TypeError):
        return frozenset()


def explain_misfit(model: ImageSpec, examples: Examples) -> str:
    """Say why a model cannot be evaluated on these examples; "" if it can.

    Files of encoded examples are fitted by the model's own geometry; pixels of raw examples were
    fitted by theirs, and another model would see other pixels than when it serves.
    """
    spec = examples.spec
    if model.class_names != spec.class_names:
        return f"it has other classes: {', '.join(model.class_names)}"
    if model.shape != spec.shape:
        return f"it takes images of shape {model.shape}, not {spec.shape}"
    ours, theirs = spec.geometry, model.geometry
    if examples.store == "raw":
        # What has the exact size, every geometry leaves as it is.
        settings: Sequence[str] = (
            ("orientation", "background") if ours.fit == "exact" else _SETTINGS
        )
    else:
        stricter = theirs.max_megapixels < ours.max_megapixels
        stricter |= not set(ours.formats) <= set(theirs.formats)
        refuses = stricter or theirs.fit == "exact" or theirs.orientation == "refuse"
        settings = (*_SETTINGS, "max_megapixels", "formats") if refuses else ()
    differing = [name for name in settings if getattr(ours, name) != getattr(theirs, name)]
    return ", ".join(
        f"it was trained with ingest.{name}={getattr(theirs, name)}, and these examples were made "
        f"with {getattr(ours, name)}"
        for name in differing
    )


def _find_trouble(folder: Path, digest: str, examples: Examples, keep: Keep) -> str:
    spec = examples.spec
    try:
        misfit = explain_misfit(read_manifest(folder).spec, examples)
        if misfit:
            return misfit
        from serving_export.bundle.saved_model import load_bundle

        bundle = load_bundle(folder, digest)
        keep(bundle)
        answer = bundle(IMAGES, np.zeros((1, *spec.shape), np.uint8))
    except PenstockError as error:
        return error.what
    except Exception as error:  # TensorFlow raises many kinds for a graph that it cannot run
        return summarize_error(error)
    shape = answer[PROBABILITIES].shape
    return "" if shape == (1, spec.num_classes) else f"it returns probabilities of shape {shape}"
