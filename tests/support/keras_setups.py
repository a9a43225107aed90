"""Define models, losses and callbacks as a user would, for import paths."""

from __future__ import annotations

import keras
import tensorflow as tf


def linear(spec, options):
    """Build one layer, and the layers that an option adds in front of it."""
    more = {
        "vector": lambda: AddsLoss(vector=True),
        "scalar": lambda: AddsLoss(vector=False),
        "activity": lambda: keras.layers.ActivityRegularization(l2=0.01),
        "norm": keras.layers.BatchNormalization,
        "dropout": lambda: keras.layers.Dropout(0.3),
        "python": Python,
        "rescaling": lambda: keras.layers.Rescaling(1 / 255),
    }
    added = [more[name]() for name in options.get("add", [])]
    return keras.Sequential(
        [
            keras.Input(spec.shape),
            keras.layers.Flatten(),
            *added,
            keras.layers.Dense(spec.num_classes, **options.get("dense", {})),
        ]
    )


class AddsLoss(keras.layers.Layer):
    def __init__(self, vector: bool) -> None:
        super().__init__()
        self.vector = vector
        self.dense = keras.layers.Dense(20)

    def call(self, inputs):
        hidden = self.dense(inputs)
        each = keras.ops.mean(keras.ops.square(hidden), axis=1)
        self.add_loss(0.01 * each if self.vector else 0.1 * keras.ops.mean(each))
        return hidden


class Python(keras.layers.Layer):
    """Works eagerly and in a compiled step, and nowhere else."""

    def call(self, inputs):
        found = tf.numpy_function(lambda values: values * 2, [inputs], tf.float32)
        return tf.ensure_shape(found, inputs.shape)


def frozen(spec, options):
    model = linear(spec, options)
    model.trainable = False
    return model


class OwnLoss(keras.Model):
    """Adds to the cross entropy what the logits are from 0."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.flatten, self.dense = keras.layers.Flatten(), keras.layers.Dense(classes)

    def call(self, images):
        return self.dense(self.flatten(images))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return entropy(y, y_pred, sample_weight) + 0.01 * keras.ops.mean(y_pred**2)


def own_loss(spec, options):
    return OwnLoss(spec.num_classes)


def smoothed(labels, output):
    wanted = keras.ops.one_hot(keras.ops.cast(labels, "int32"), output.shape[-1])
    return keras.losses.categorical_crossentropy(
        wanted, output, from_logits=True, label_smoothing=0.1
    )


def compiled(spec, options):
    """Build a model that is compiled with `options["compile"]`."""
    model = linear(spec, {"add": options.get("add", [])})
    settings = {"optimizer": None, "loss": smoothed, **options.get("compile", {})}
    model.compile(**settings)
    return model


def early_stopping():
    return keras.callbacks.EarlyStopping(
        monitor="val_accuracy", patience=1, min_delta=0.02, restore_best_weights=True
    )


def reduce_on_plateau():
    return keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.3, patience=1, min_delta=1.0, cooldown=1
    )


def rate_of_epoch():
    return keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / (1 + epoch))


def blind():
    return keras.callbacks.EarlyStopping(monitor="val_auc", mode="max")


def backup():
    return keras.callbacks.BackupAndRestore("backup")


class WarmsUp(keras.callbacks.Callback):
    """A learning rate for each batch, from a count of its own."""

    def on_train_begin(self, logs=None):
        self.batches = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.batches += 1
        self.model.optimizer.learning_rate = 0.001 * min(self.batches, 10)

    def get_state(self):
        return self.batches

    def set_state(self, state):
        self.batches = state


class StopsWithin(keras.callbacks.Callback):
    """Ends the training in the middle of the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = self.epoch == 1 and batch == 2

    def get_state(self):
        return self.epoch

    def set_state(self, state):
        self.epoch = state


class Validates(keras.callbacks.Callback):
    """Goes by what it hears of the validation, and by what `evaluate` says."""

    def on_test_begin(self, logs=None):
        self.heard = ["begin"]

    def on_test_batch_begin(self, batch, logs=None):
        self.heard.append(f"batch {batch}")

    def on_test_batch_end(self, batch, logs=None):
        self.heard.append("ends")

    def on_test_end(self, logs=None):
        assert self.heard == ["begin", "batch 0", "ends"]
        assert set(logs) == {"loss", "accuracy"}
        self.model.optimizer.learning_rate = 0.01 * float(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        images = keras.ops.zeros((4, 8, 8, 1))
        found = self.model.evaluate(images, keras.ops.arange(4), verbose=0, return_dict=True)
        self.model.optimizer.learning_rate = self.model.optimizer.learning_rate * found["loss"]


class Forgets(keras.callbacks.Callback):
    """Counts the epochs, and cannot say how many they were."""

    def on_epoch_end(self, epoch, logs=None):
        self.epochs = epoch


class OnlyGives(keras.callbacks.Callback):
    def get_state(self):
        return {}


def sample_weights(images, labels):
    return 0.5 + tf.cast(labels % 3, tf.float32)
