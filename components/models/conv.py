"""Build a small convolutional network for photographs, of a depth that fits the image size.

stem    Conv 3 x 3, BatchNorm, relu; strided if images have more than 128 x 128 pixels
block   MaxPool 2 x 2, Conv 3 x 3, BatchNorm, relu
head    global average pooling, Dropout, Dense
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from components.models.conv_sizes import choose_stem_stride
from components.models.options import check_conv_options
from data.spec import ImageSpec

_KERNEL = 3


def build_model(spec: ImageSpec, options: Mapping[str, Any]) -> keras.Model:
    """Build a model (batch, height, width, channels) float32 -> (batch, classes) float32 logits.

    BatchNorm's momentum is 0.9 unless the options say otherwise. Keras's default, 0.99, averages
    over about 100 steps: at 50 steps an epoch the moving statistics, which inference uses, are
    those of weights of two epochs ago, and the validation stays at chance for several epochs.

    Raises:
        ConfigError: an option that `check_conv_options` refuses.
    """
    filters, dropout, momentum = check_conv_options(options, spec).values()
    stride = choose_stem_stride(spec.height, spec.width)
    layers: list[keras.Layer] = [keras.Input(spec.shape)]
    for block, width in enumerate(filters):
        if block:
            layers.append(keras.layers.MaxPooling2D())
            layers += _convolve(width, _KERNEL, 1, momentum)
        else:
            layers += _convolve(width, max(_KERNEL, 2 * stride - 1), stride, momentum)
    layers.append(keras.layers.GlobalAveragePooling2D())
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    # float32 under any policy: a softmax in float16 is too imprecise for the loss
    layers.append(keras.layers.Dense(spec.num_classes, dtype="float32"))
    return keras.Sequential(layers, name="conv")


def _convolve(filters: int, kernel: int, stride: int, momentum: float) -> list[keras.Layer]:
    # no bias: BatchNorm subtracts it again
    return [
        keras.layers.Conv2D(filters, kernel, stride, "same", use_bias=False),
        keras.layers.BatchNormalization(momentum=momentum),
        keras.layers.ReLU(),
    ]
