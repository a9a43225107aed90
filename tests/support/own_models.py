"""Define models as a user would, good and bad, for import paths `own_models:…`."""

from __future__ import annotations

from typing import ClassVar

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
    """Build a model whose loss is NaN from step `at` on, counted from 1."""
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
    """Brighten each pixel by up to 40 of 255: an augmentation."""
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


class OwnTrainStep(keras.Model):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.head = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes)])

    def call(self, images):
        return self.head(images)

    def train_step(self, data):
        return {}


def own_train_step(spec, options):
    return OwnTrainStep(spec.num_classes)


def darker_counts_less(images, labels):
    """Weigh images by their mean brightness, label 3 by 0: a sample_weight_fn."""
    import tensorflow as tf

    return tf.reduce_mean(images, axis=[1, 2, 3]) * tf.cast(labels != 3, tf.float32)


def no_callback():
    return "no callback"


class Records(keras.callbacks.Callback):
    """Keeps the names of what was called, in order."""

    calls: ClassVar[list[str]] = []

    def on_train_begin(self, logs=None):
        Records.calls = ["train begin"]

    def on_epoch_begin(self, epoch, logs=None):
        Records.calls.append(f"epoch {epoch} begin")

    def on_train_batch_end(self, batch, logs=None):
        assert {"loss", "accuracy"} <= set(logs)
        Records.calls.append("steps")

    def on_epoch_end(self, epoch, logs=None):
        assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(logs)
        Records.calls.append(f"epoch {epoch} end")

    def on_train_end(self, logs=None):
        Records.calls.append("train end")


class KeepsWeights(keras.callbacks.Callback):
    """Keeps the weights as they were when it was last called."""

    seen: ClassVar[dict] = {}

    def _keep(self, when):
        KeepsWeights.seen[when] = [v.numpy() for v in self.model.weights]

    def on_epoch_begin(self, epoch, logs=None):
        self._keep(f"epoch {epoch} begin")

    def on_train_batch_end(self, batch, logs=None):
        if "epoch 1 begin" not in KeepsWeights.seen:
            self._keep("steps")

    def on_epoch_end(self, epoch, logs=None):
        self._keep(f"epoch {epoch} end")

    def on_train_end(self, logs=None):
        self._keep("train end")


class WritesWeights(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        for variable in self.model.trainable_variables:
            variable.assign(variable * 0.5)


def plateau():
    return keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.1, patience=0, min_delta=10)


def spoils_the_end():
    """Make steps that ruin any model from the fourth epoch on."""
    return keras.callbacks.LearningRateScheduler(lambda epoch, _: 0.03 if epoch < 3 else 3.0)


def own_loop(training):
    """Train without Penstock's loop: no resume, its own record."""
    import tensorflow as tf

    model = keras.Sequential(
        [
            keras.Input(training.examples.spec.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(training.examples.spec.num_classes),
        ]
    )
    optimizer = keras.optimizers.SGD(0.5)
    for _ in range(training.config.epochs):
        losses = []
        for images, labels in training.batches("train"):
            with tf.GradientTape() as tape:
                found = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(images))
                loss = tf.reduce_mean(found)
            optimizer.apply(
                tape.gradient(loss, model.trainable_variables), model.trainable_variables
            )
            losses.append(float(loss))
        training.history.setdefault("loss", []).append(sum(losses) / len(losses))
    return model


def silent_loop(training):
    """Train nothing and record nothing."""
    return own_loop_model(training.examples.spec)


def own_loop_model(spec):
    return keras.Sequential(
        [keras.Input(spec.shape), keras.layers.Flatten(), keras.layers.Dense(spec.num_classes)]
    )


def probabilities_said_logits(training):
    spec = training.examples.spec
    return keras.Sequential([own_loop_model(spec), keras.layers.Softmax()])
