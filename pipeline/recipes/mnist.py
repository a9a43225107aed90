from __future__ import annotations

from pipeline.image_classifier import Evaluate, PipelineConfig, Threshold, Train, image_classifier
from pipeline.recipes._datasets import MNIST


def mnist() -> PipelineConfig:
    """MNIST as TensorFlow's beginner tutorial has it; accuracy 0.98, 40 s.

    penstock run mnist                                                by TensorFlow Datasets
    penstock run mnist --set ingest.source=idx --set ingest.path=DIR  from MNIST's own files

    Dense 128 relu, dropout 0.2, dense 10 logits; adam, 10 epochs of all 60,000, batch 32; judged
    on the official 10,000. Seconds are of the whole run from files, on two cores.
    """
    return image_classifier(
        "mnist",
        ingest=MNIST,
        train=Train(model_options={"units": 128, "dropout": 0.2}, epochs=10, batch_size=32),
        evaluate=Evaluate(
            thresholds=(
                Threshold(metric="accuracy", at_least=0.97),
                Threshold(metric="accuracy", at_least=0.92, on="each class"),
            )
        ),
    )
