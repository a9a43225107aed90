"""Architectures, one per file, by name. One's own comes by import path.

Each is a function `build_model(spec, options)`: an `ImageSpec` and the config's
`train.model_options` in, a Keras model out that takes (batch, height, width, channels)
float32 as the transform graph gives it.
"""

NAMES = {"dense": "components.models.dense:build_model"}
