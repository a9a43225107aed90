from __future__ import annotations

from pipeline.image_classifier import Evaluate, PipelineConfig, Threshold, Train, image_classifier
from pipeline.recipes._datasets import FASHION_MNIST


def fashion_first() -> PipelineConfig:
    """Fashion-MNIST as TensorFlow's first tutorial on it has it; accuracy 0.87, 30 s.

    penstock run fashion_first --set ingest.source=idx --set ingest.path=DIR

    Dense 128 relu, dense 10 softmax; adam, 5 epochs of all 60,000, batch 32; judged on the
    official 10,000. Seconds are of the whole run from files, on two cores.
    """
    return image_classifier(
        "fashion_first",
        ingest=FASHION_MNIST,
        train=Train(
            model_options={"units": 128, "softmax": True}, model_output="probabilities", epochs=5
        ),
        evaluate=Evaluate(
            thresholds=(
                Threshold(metric="accuracy", at_least=0.84),
                Threshold(metric="accuracy", at_least=0.40, on="each class"),
            )
        ),
    )
