"""Write the requests that TensorFlow Serving sends itself before it serves a new version.

The first call of a signature is slow; warm-up requests make it before the first user does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from data.spec import ImageSpec
from serving_export.bundle.manifest import SIGNATURES
from serving_export.bundle.requests import encode_for_signatures

WARMUP = "assets.extra/tf_serving_warmup_requests"  # where TensorFlow Serving reads PredictionLogs


def write_warmup(bundle: Path, spec: ImageSpec) -> None:
    """Write one request for each signature: a batch of one black image."""
    (bundle / WARMUP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(bundle / WARMUP)) as writer:
        for signature, batch in encode_for_signatures(tf.zeros([1, *spec.shape], tf.uint8).numpy()):
            # Otherwise the order of a message's map would vary.
            writer.write(_make_request(signature, batch).SerializeToString(deterministic=True))


def _make_request(signature: str, batch: Any) -> Any:
    # imported here: a process that only loads bundles does not need it
    from tensorflow_serving.apis.predict_pb2 import PredictRequest
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

    request = PredictRequest()
    request.model_spec.signature_name = signature
    request.inputs[SIGNATURES[signature]].CopyFrom(tf.make_tensor_proto(batch))
    return PredictionLog(predict_log=PredictLog(request=request))
