"""Does the exported bundle answer as the trained model did? Asked in a clean process.

Training records what its own model says to some raw images; the check loads the bundle in a
process that never saw the model's code and compares all three signatures with the record.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import StepError, deserialize_error
from data.spec import ImageSpec
from serving_export.bundle.manifest import IMAGES, PROBABILITIES, TRANSFORM
from serving_export.clean_process import CleanProcess, use_clean_process
from serving_export.parity.worker import BATCH

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from serving_export.bundle.saved_model import Bundle
    from serving_export.bundle.signatures import ModelOutput

WORKER = "serving_export.parity.worker"  # what the clean process runs
MAX_IMAGES = 1000
MAX_BYTES = 64 << 20  # of raw images: fewer of them where they are large


@dataclass(frozen=True, kw_only=True)
class Parity:
    """What a parity check saw."""

    images: int
    tolerance: float
    max_difference: float  # largest absolute difference of a probability, over all signatures
    bit_for_bit: bool  # every probability of every signature the same
    by_signature: dict[str, float]  # largest absolute difference of each


def record_parity(
    path: Path,
    *,
    model: keras.Model | tf.Module,
    transform_path: Path,
    spec: ImageSpec,
    model_output: ModelOutput,
    images: np.ndarray,
    fed: np.ndarray | None = None,
) -> None:
    """Write what the trained model says, in the process that trained it.

    Args:
        path: the file to write, `parity.npz`.
        model, transform_path, spec, model_output: as for `saved_model.write_bundle`.
        images: (n, height, width, channels) uint8, n > 0, raw as in the Examples; at most
            `MAX_IMAGES` or `MAX_BYTES` of them are used.
        fed: (m, …) of any dtype: what training fed the model for the first m images.
    """
    import numpy as np

    from serving_export.bundle.signatures import make_probabilities_function
    from serving_export.bundle.transform_graph import TransformFn
    from serving_export.bundle.weights import RECORDED, digest_weights

    images = images[: max(1, min(MAX_IMAGES, MAX_BYTES // spec.image_bytes))]
    predict = make_probabilities_function(model, TransformFn(transform_path), spec, model_output)
    starts = range(0, len(images), BATCH)
    answers = [predict(images[start : start + BATCH]).numpy() for start in starts]
    known: dict[str, Any] = {} if fed is None else {"fed": fed[: len(images)]}
    known[RECORDED] = digest_weights(getattr(model, "weights", model.variables))
    np.savez(path, images=images, probabilities=np.concatenate(answers), **known)


def check_parity(
    bundle: Path,
    npz: Path,
    tolerance: float = 1e-5,
    *,
    digest: str | None = None,
    progress: Callable[..., None] = lambda *_: None,
) -> Parity:
    """Compare a bundle with the record of the trained model, in a clean process.

    Args:
        bundle: the bundle's folder.
        npz: what `record_parity` wrote.
        tolerance: largest absolute difference of a probability that may pass; float sums may
            associate differently for other shapes of batches.
        digest: what the bundle's digest must be, where the caller knows.
        progress: called with (done, total, what is being done).

    Raises:
        BadDataError: the bundle's bytes changed, or the recording cannot be read.
        StepError: a larger difference, or the process crashed; its last words are in the error.
    """
    with use_clean_process(WORKER) as process:
        progress(0, None, "loading the model in a clean process")
        # Absolute: the process may be older than the working folder of today.
        job = {"bundle": str(bundle.absolute()), "npz": str(npz.absolute()), "digest": digest}
        images, differences = compare_in_process(process, job, progress)
    worst = max((d for d, _ in differences.values()), key=lambda d: (math.isnan(d), d))
    if not worst <= tolerance:  # so that NaN fails
        raise StepError(
            "the exported model does not answer as the trained model did",
            expected=f"probabilities that differ by at most {tolerance:g}",
            got=", ".join(f"{name}: {d:.3g}" for name, (d, _) in differences.items()),
            follows="the model was not pushed",
            remedy="look for a layer that behaves differently once saved, or state another "
            "export.parity_tolerance",
        )
    return Parity(
        images=images,
        tolerance=tolerance,
        max_difference=worst,
        bit_for_bit=all(same for _, same in differences.values()),
        by_signature={name: d for name, (d, _) in differences.items()},
    )


def compare_in_process(
    process: CleanProcess, job: dict[str, Any], progress: Callable[..., None]
) -> tuple[int, dict[str, tuple[float, bool]]]:
    """Hand the job to the worker and wait.

    Args:
        process: it runs `WORKER`.
        job: "bundle" and "npz", absolute paths, and the bundle's "digest" or None.
        progress: called with (done, total, what is being done).

    Returns:
        Number of images; for each signature the largest absolute difference of a probability
        (NaN where one of the two is), and whether all were the same bit for bit.

    Raises:
        PenstockError: what the worker found wrong with the bundle or the recording.
        StepError: it crashed; its last words are in the error.
    """
    for answer in process.run_job(job):
        if "differences" in answer:
            return answer["images"], answer["differences"]
        if "error" in answer:
            raise deserialize_error(answer["error"]) or StepError(answer["error"])
        progress(answer["done"], answer["total"], "comparing with the trained model")
    raise StepError(
        "the clean process that loads the exported model crashed",
        expected="it loads the model and answers",
        got=process.describe_exit(),
        follows="the model is not shown to work outside the process that trained it",
    )


def measure_image_difference(bundle: Bundle, npz: Path) -> float:
    """How far a bundle, loaded afresh, is from the trained model on the recorded images.

    Args:
        bundle: asked by its signature `images`.
        npz: what `record_parity` wrote.

    Returns:
        The largest absolute difference of a probability; NaN where one of the two is.
    """
    import numpy as np

    with np.load(npz, allow_pickle=False) as recorded:
        images, wanted = recorded["images"], recorded["probabilities"]
    starts = range(0, len(images), BATCH)
    answers = [bundle(IMAGES, images[start : start + BATCH])[PROBABILITIES] for start in starts]
    return float(np.max(np.abs(np.concatenate(answers) - wanted)))


def measure_transform_difference(saved: Any, npz: Path) -> float | None:
    """How far what a bundle's model is fed is from what training fed it.

    Args:
        saved: a bundle's SavedModel, loaded; asked by its `transform_images`.
        npz: what `record_parity` wrote.

    Returns:
        The largest absolute difference of a value; NaN where one of the two is; infinity where
        the two have no values in common, for another shape or no such function. None where
        nothing was recorded.
    """
    import numpy as np

    with np.load(npz, allow_pickle=False) as recorded:
        if "fed" not in recorded:
            return None
        images, wanted = recorded["images"], recorded["fed"]
    if not hasattr(saved, TRANSFORM):
        return math.inf
    found = getattr(saved, TRANSFORM)(images[: len(wanted)]).numpy()
    if found.shape != wanted.shape:
        return math.inf
    difference = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
    return float(np.max(difference, initial=0))
