from __future__ import annotations

from pipeline.image_classifier import (
    Evaluate,
    Ingest,
    PipelineConfig,
    Threshold,
    Train,
    image_classifier,
)


def digits() -> PipelineConfig:
    """The 1,797 handwritten digits (8x8) that scikit-learn ships: the whole way, offline.

    penstock run digits
    """
    return image_classifier(
        "digits",
        ingest=Ingest(source="digits"),
        train=Train(model_options={"units": 128}, epochs=40, batch_size=32),
        evaluate=Evaluate(
            thresholds=(
                Threshold(metric="accuracy", at_least=0.94),
                Threshold(metric="accuracy", at_least=0.75, on="each class"),
            )
        ),
    )
