"""Models of a user's own, good and bad, for import paths `own_models:…`."""

from __future__ import annotations

import keras


def narrow(spec, options):
    return keras.Sequential(
        [keras.Input(spec.shape), keras.layers.Flatten(), keras.layers.Dense(3)]
    )


def broken(spec, options):
    return keras.Sequential([keras.Input((3, 3, 3)), keras.layers.Dense(10)])


class Subclassed(keras.Model):
    """BatchNormalization and Dropout, whose inference differs from their training."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.flatten = keras.layers.Flatten()
        self.norm = keras.layers.BatchNormalization()
        self.dropout = keras.layers.Dropout(0.5)
        self.head = keras.layers.Dense(classes, activation="softmax")

    def call(self, images, training=False):
        hidden = self.norm(self.flatten(images), training=training)
        return self.head(self.dropout(hidden, training=training))


def subclassed(spec, options):
    return Subclassed(spec.num_classes)


class NanAfter(keras.layers.Layer):
    """Passes its input on; from a given call in training on, NaN."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls
        self.seen = self.add_weight(initializer="zeros", trainable=False, dtype="int32")

    def call(self, inputs, training=False):
        if training:
            self.seen.assign_add(1)
            inputs = keras.ops.where(self.seen >= self.calls, float("nan"), inputs)
        return inputs


def breaks(spec, options):
    """The loss of the step `at`, counted from 1, and of all later ones is NaN."""
    return keras.Sequential(
        [
            keras.Input(spec.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(spec.num_classes),
            NanAfter(options["at"]),
        ]
    )


def regularized(spec, options):
    return keras.Sequential(
        [
            keras.Input(spec.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(spec.num_classes, kernel_regularizer=keras.regularizers.L2(0.05)),
        ]
    )


def normalized(spec, options):
    return keras.Sequential(
        [
            keras.Input(spec.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(32),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Dense(spec.num_classes),
        ]
    )


def convolutional(spec, options):
    images = keras.Input(spec.shape)
    hidden = keras.layers.Conv2D(8, 3, activation="relu")(images)
    hidden = keras.layers.GlobalAveragePooling2D()(keras.layers.MaxPooling2D()(hidden))
    return keras.Model(images, keras.layers.Dense(spec.num_classes)(hidden))


def noise(images, seed):
    """An augmentation: up to 40 of 255 brighter, another value for each pixel."""
    import tensorflow as tf

    return images + tf.random.stateless_uniform(tf.shape(images), seed, maxval=40)


class HalvesTheRate(keras.callbacks.Callback):
    """Halves the learning rate after each second epoch; counts them in a state of its own."""

    def on_train_begin(self, logs=None):
        self.epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        if self.epochs % 2 == 0:
            self.model.optimizer.learning_rate = self.model.optimizer.learning_rate * 0.5

    def get_state(self):
        return self.epochs

    def set_state(self, state):
        self.epochs = state
