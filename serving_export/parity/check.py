"""Check that an exported bundle predicts as the trained model did, in a clean process.

Training records the predictions of its model for some raw images. The check loads the bundle in a
process without the model's code, and compares all three signatures with the recording.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import StepError
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

WORKER = "serving_export.parity.worker"  # the module of the clean process
MAX_IMAGES = 1000
MAX_BYTES = 64 << 20  # of raw images; fewer images where they are large


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The result of a parity check."""

    images: int
    tolerance: float
    max_difference: float  # largest absolute difference of a probability, over all signatures
    bit_for_bit: bool  # whether all probabilities of all signatures are identical
    by_signature: dict[str, float]  # largest absolute difference per signature


def record_parity(
    path: Path,
    *,
    model: keras.Model | tf.Module,
    transform_path: Path,
    spec: ImageSpec,
    model_output: ModelOutput,
    images: np.ndarray,
    model_inputs: np.ndarray | None = None,
) -> None:
    """Record the predictions of the trained model, in the process that trained it.

    Args:
        path: the file to write, `parity.npz`.
        model, transform_path, spec, model_output: as for `saved_model.write_bundle`.
        images: (n, height, width, channels) uint8, n > 0, raw as in the Examples; at most
            `MAX_IMAGES` or `MAX_BYTES` of them are used.
        model_inputs: (m, …) of any dtype: the model's inputs in training for the first m images.
    """
    import numpy as np

    from serving_export.bundle.signatures import make_probabilities_function
    from serving_export.bundle.transform_graph import TransformFn
    from serving_export.bundle.weights import RECORDED, digest_weights

    images = images[: max(1, min(MAX_IMAGES, MAX_BYTES // spec.image_bytes))]
    predict = make_probabilities_function(model, TransformFn(transform_path), spec, model_output)
    starts = range(0, len(images), BATCH)
    answers = [predict(images[start : start + BATCH]).numpy() for start in starts]
    arrays: dict[str, Any] = {"images": images, "probabilities": np.concatenate(answers)}
    arrays[RECORDED] = digest_weights(getattr(model, "weights", model.variables))
    if model_inputs is not None:
        arrays["model_inputs"] = model_inputs[: len(images)]
    np.savez(path, **arrays)


def check_parity(
    bundle: Path,
    npz: Path,
    tolerance: float = 1e-5,
    *,
    digest: str | None = None,
    progress: Callable[..., None] = lambda *_: None,
) -> Parity:
    """Compare a bundle with the recording of the trained model, in a clean process.

    Args:
        bundle: the bundle's folder.
        npz: the file of `record_parity`.
        tolerance: largest accepted absolute difference of a probability; float sums depend on
            the shape of a batch.
        digest: the expected digest of the bundle, if known.
        progress: called with (done, total, current activity).

    Raises:
        BadDataError: the bundle's bytes changed, or the recording cannot be read.
        StepError: a larger difference, or the process crashed; the error has its last output.
    """
    with use_clean_process(WORKER) as process:
        progress(0, None, "loading the model in a clean process")
        # absolute: the process may have been started in another working folder
        job = {"bundle": str(bundle.absolute()), "npz": str(npz.absolute()), "digest": digest}
        images, differences = compare_in_process(process, job, progress)
    largest = max((d for d, _ in differences.values()), key=lambda d: (math.isnan(d), d))
    if not largest <= tolerance:  # so that NaN fails
        raise StepError(
            "the predictions of the exported model differ from those of the trained model",
            expected=f"probabilities that differ by at most {tolerance:g}",
            got=", ".join(f"{name}: {d:.3g}" for name, (d, _) in differences.items()),
            follows="the model was not pushed",
            remedy="check for a layer that behaves differently after saving, or set another "
            "export.parity_tolerance",
        )
    return Parity(
        images=images,
        tolerance=tolerance,
        max_difference=largest,
        bit_for_bit=all(identical for _, identical in differences.values()),
        by_signature={name: d for name, (d, _) in differences.items()},
    )


def compare_in_process(
    process: CleanProcess, job: dict[str, Any], progress: Callable[..., None]
) -> tuple[int, dict[str, tuple[float, bool]]]:
    """Send a job to a worker process, and wait for its result.

    Args:
        process: a process of `WORKER`.
        job: "bundle" and "npz", absolute paths, and the bundle's "digest" or None.
        progress: called with (done, total, current activity).

    Returns:
        Number of images; for each signature the largest absolute difference of a probability
        (NaN where one of the two is), and whether all are identical bit for bit.

    Raises:
        PenstockError: an error of the worker about the bundle or the recording.
        StepError: the worker crashed; the error has its last output.
    """
    comparing = "comparing with the trained model"
    result = process.run_job(job, lambda done, total: progress(done, total, comparing))
    if result is not None:
        return result["images"], result["differences"]
    raise StepError(
        "the clean process that loads the exported model crashed",
        expected="predictions of the exported model",
        got=process.describe_exit(),
        follows="the model was not pushed: it may not work outside the process that trained it",
        remedy="fix the cause that the output above shows, then run the same command again",
    )


def measure_image_difference(bundle: Bundle, npz: Path) -> float:
    """Measure how far a bundle's predictions for the recorded images are from the recorded ones.

    Args:
        bundle: a loaded bundle; its signature `images` is called.
        npz: the file of `record_parity`.

    Returns:
        The largest absolute difference of a probability; NaN where one of the two is.
    """
    import numpy as np

    with np.load(npz, allow_pickle=False) as recorded:
        images, expected = recorded["images"], recorded["probabilities"]
    starts = range(0, len(images), BATCH)
    answers = [bundle(IMAGES, images[start : start + BATCH])[PROBABILITIES] for start in starts]
    return float(np.max(np.abs(np.concatenate(answers) - expected)))


def measure_transform_difference(saved: Any, npz: Path) -> float | None:
    """Measure how far the model inputs of a bundle are from those of training.

    Args:
        saved: a bundle's loaded SavedModel; its `transform_images` is called.
        npz: the file of `record_parity`.

    Returns:
        The largest absolute difference of a value; NaN where one of the two is; infinity where
        they cannot be compared: another shape, or no such function. None where no inputs were
        recorded.
    """
    import numpy as np

    with np.load(npz, allow_pickle=False) as recorded:
        if "model_inputs" not in recorded:
            return None
        images, expected = recorded["images"], recorded["model_inputs"]
    if not hasattr(saved, TRANSFORM):
        return math.inf
    inputs = getattr(saved, TRANSFORM)(images[: len(expected)]).numpy()
    if inputs.shape != expected.shape:
        return math.inf
    difference = np.abs(inputs.astype(np.float64) - expected.astype(np.float64))
    return float(np.max(difference, initial=0))
