from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.spec import ImageSpec
from serving_export.bundle.manifest import SIGNATURES, read_manifest

pytestmark = pytest.mark.slow
WARMUP = "assets.extra/tf_serving_warmup_requests"  # TensorFlow Serving's own name for it


def requests(bundle: Path) -> list[Any]:
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    records = tf.data.TFRecordDataset(str(bundle / WARMUP)).as_numpy_iterator()
    return [PredictionLog.FromString(record).predict_log.request for record in records]


def test_every_request_is_answered(bundle: Any, spec: ImageSpec) -> None:
    import tensorflow as tf

    saved = tf.saved_model.load(str(bundle.path))
    asked = requests(bundle.path)
    assert {request.model_spec.signature_name for request in asked} == set(SIGNATURES)
    assert len(asked) == len(SIGNATURES)
    answers = []
    for request in asked:
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        function = saved.signatures[request.model_spec.signature_name]
        # make_ndarray gives objects for strings, as TensorFlow Serving's own tensors are typed
        answers.append(function(**{name: tf.constant(v) for name, v in inputs.items()}))
        assert answers[-1]["probabilities"].shape == (1, spec.num_classes)
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer["probabilities"], answers[0]["probabilities"])


def test_the_digest_covers_them(bundle: Any) -> None:
    assert WARMUP in read_manifest(bundle.path).files


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_same_requests_for_the_same_images(tmp_path: Path, channels: int) -> None:
    from serving_export.bundle.warmup import write_warmup

    spec = ImageSpec(height=5, width=3, channels=channels, class_names=("a", "b"))
    for name in "ab":
        (tmp_path / name).mkdir()
        write_warmup(tmp_path / name, spec)
    assert (tmp_path / "a" / WARMUP).read_bytes() == (tmp_path / "b" / WARMUP).read_bytes()
    assert len(requests(tmp_path / "a")) == 3


def test_further_files_lie_beside_them(
    tmp_path: Path, spec: ImageSpec, divide: Path, make_model: Callable[..., Any]
) -> None:
    from serving_export.bundle.saved_model import load_bundle, write_bundle

    write_bundle(
        tmp_path / "bundle",
        model=make_model(spec),
        transform_path=divide,
        spec=spec,
        model_output="logits",
        metadata={},
        assets={"assets.extra/seen.npy": b"hashes"},
    )
    bundle = load_bundle(tmp_path / "bundle")
    assert {WARMUP, "assets.extra/seen.npy"} <= bundle.manifest.files.keys()
