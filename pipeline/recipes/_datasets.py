"""Name the recipes' datasets, read by TensorFlow Datasets, or from files: `ingest.source=idx`."""

from __future__ import annotations

from pipeline.image_classifier import Ingest

MNIST = Ingest(source="tfds", name="mnist", version="3.0.1")
FASHION_MNIST = Ingest(
    source="tfds",
    name="fashion_mnist",
    version="3.0.1",
    # The files have numbers only.
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)
