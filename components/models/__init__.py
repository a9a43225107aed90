"""Define the model architectures, one per file. Your own model is named by its import path.

Each is a function `build_model(spec, options)` of an `ImageSpec` and `train.model_options`. It
returns a Keras model that takes (batch, height, width, channels) float32 from the transform graph.
"""

NAMES = {
    "dense": "components.models.dense:build_model",
    "conv": "components.models.conv:build_model",
}
