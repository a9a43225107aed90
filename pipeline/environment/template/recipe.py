"""The pipeline of this project: `penstock run ./recipe.py:recipe`."""

from pipeline.image_classifier import (
    Evaluate,
    Ingest,
    Normalize,
    PipelineConfig,
    Threshold,
    Train,
    image_classifier,
)


def recipe() -> PipelineConfig:
    """Tell crosses, squares and stripes apart, drawn with noise; accuracy 1.0, 30 s."""
    return image_classifier(
        "PROJECT",
        ingest=Ingest(
            source="shapes:ShapesSource",  # module:class, see shapes.py
            # a string with a slash, such as "./images", names files: a change runs ingest again
            options={"train": 1200, "test": 300},
            validation_share=0.1,
        ),
        normalize=Normalize(preprocessing_fn="network:preprocessing_fn"),
        train=Train(model="network:build_model", epochs=6, early_stop_patience=3),
        evaluate=Evaluate(thresholds=(Threshold(metric="accuracy", at_least=0.95),)),
    )
