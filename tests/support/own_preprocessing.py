"""Define preprocessing_fns as a user would, good and bad: `own_preprocessing:…`."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft


def standardize(inputs):
    image = inputs["image"]
    deviation = tf.sqrt(tft.var(image))
    return {"image": (image - tft.mean(image)) / deviation, "label": inputs["label"]}


def checks_types(inputs):
    assert inputs["image"].dtype == tf.float32
    assert inputs["image"].shape.as_list() == [None, 8, 8, 1]
    assert inputs["label"].dtype == tf.int64
    assert inputs["label"].shape.as_list() == [None]
    return dict(inputs)


def fails(inputs):
    return {"image": inputs["picture"]}


def no_image(inputs):
    return {"label": inputs["label"]}


def image_alone(inputs):
    return {"image": inputs["image"] / 255.0}


def label_counted_from_1(inputs):
    return {**divided(inputs), "label": inputs["label"] - 1}


def label_one_hot(inputs):
    return {**divided(inputs), "label": tf.one_hot(inputs["label"], 10)}


def drops_a_class(inputs):
    kept = inputs["label"] != 3
    return {name: tf.boolean_mask(value, kept) for name, value in divided(inputs).items()}


def tells_the_label(inputs):
    shown = tf.cast(inputs["label"], tf.float32)[:, None, None, None]
    return {**divided(inputs), "image": inputs["image"] / 255.0 + shown}


def renamed_label(inputs):
    return {**divided(inputs), "label_xf": inputs["label"] - 1}


def divided(inputs):
    return {**inputs, "image": inputs["image"] / 255.0}


def in_float64(inputs):
    return {"image": tf.cast(inputs["image"], tf.float64) / 255, "label": inputs["label"]}


def in_uint8(inputs):
    return {"image": tf.cast(inputs["image"], tf.uint8), "label": inputs["label"]}


def bare(inputs):
    return inputs["image"] / 255


def dark_only(inputs):
    dark = tf.debugging.assert_less(inputs["image"], 1.0, "only dark images")
    with tf.control_dependencies([dark]):
        return {**inputs, "image": tf.identity(inputs["image"])}
