from __future__ import annotations

from pipeline.image_classifier import Evaluate, PipelineConfig, Threshold, Train, image_classifier
from pipeline.recipes._datasets import FASHION_MNIST


def fashion_basic() -> PipelineConfig:
    """Fashion-MNIST as TensorFlow's basic classification has it; accuracy 0.88, 40 s.

    penstock run fashion_basic --set ingest.source=idx --set ingest.path=DIR

    Dense 128 relu, dense 10 logits, the softmax put on top for prediction; adam, 10 epochs of all
    60,000, batch 32; judged on the official 10,000. Seconds are of the whole run from files, on
    two cores.
    """
    return image_classifier(
        "fashion_basic",
        ingest=FASHION_MNIST,
        train=Train(model_options={"units": 128}, epochs=10, batch_size=32),
        evaluate=Evaluate(
            thresholds=(
                Threshold(metric="accuracy", at_least=0.85),
                Threshold(metric="accuracy", at_least=0.45, on="each class"),
            )
        ),
    )
