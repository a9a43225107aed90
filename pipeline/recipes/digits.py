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
    """scikit-learn's 1,797 digits of 8 x 8, offline; accuracy 0.98, 20 s.

    penstock run digits

    Dense 128 relu, dense 10 logits; adam, 40 epochs, batch 32. A fifth by content is the test
    split. Seconds are of the whole run from nothing, on two cores.
    """
    return image_classifier(
        "digits",
        ingest=Ingest(source="digits"),
        train=Train(epochs=40, batch_size=32),
        evaluate=Evaluate(
            thresholds=(
                Threshold(metric="accuracy", at_least=0.94),
                Threshold(metric="accuracy", at_least=0.75, on="each class"),
            )
        ),
    )
