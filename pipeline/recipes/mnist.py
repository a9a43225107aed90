from __future__ import annotations

from pipeline.image_classifier import (
    Evaluate,
    Ingest,
    PipelineConfig,
    Threshold,
    Train,
    image_classifier,
)


def mnist() -> PipelineConfig:
    """MNIST, the beginner tutorial: dense 128, dropout 0.2, adam, 10 epochs of 60,000 images.

    penstock run mnist --set ingest.source=idx --set ingest.path=DIR
    """
    return image_classifier(
        "mnist",
        ingest=Ingest(source="tfds", name="mnist", version="3.0.1"),
        train=Train(model_options={"units": 128, "dropout": 0.2}, epochs=10, batch_size=32),
        evaluate=Evaluate(
            thresholds=(
                Threshold(metric="accuracy", at_least=0.97),
                Threshold(metric="accuracy", at_least=0.92, on="each class"),
            )
        ),
    )
