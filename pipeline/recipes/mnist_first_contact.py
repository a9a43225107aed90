from __future__ import annotations

from pipeline.image_classifier import Evaluate, PipelineConfig, Threshold, Train, image_classifier
from pipeline.recipes._datasets import MNIST


def mnist_first_contact() -> PipelineConfig:
    """MNIST as a first contact with a neural network has it; accuracy 0.98, 30 s.

    penstock run mnist_first_contact --set ingest.source=idx --set ingest.path=DIR

    Dense 512 relu, dense 10 softmax on 784-vectors; rmsprop, 5 epochs of all 60,000, batch 128;
    judged on the official 10,000. Seconds are of the whole run from files, on two cores.
    """
    return image_classifier(
        "mnist_first_contact",
        ingest=MNIST,
        train=Train(
            model_options={"units": 512, "softmax": True},
            model_output="probabilities",
            optimizer="rmsprop",
            epochs=5,
            batch_size=128,
        ),
        evaluate=Evaluate(
            thresholds=(
                Threshold(metric="accuracy", at_least=0.97),
                Threshold(metric="accuracy", at_least=0.92, on="each class"),
            )
        ),
    )
