"""Train as the tutorials do, for benchmarks/tutorials.py to compare with Penstock.

Seconds are of fitting alone, on float arrays that lie in memory, already divided by 255, and
without a progress bar. Each is written after its tutorial: the same layers, loss, optimizer,
batch size and calls of fit.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """A dataset as the tutorials load it: (n, 28, 28) uint8, 0-255, and (n,) uint8."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Measured:
    seconds: float  # of training
    accuracy: float  # on the test split
    steps: int  # of the optimizer
    whole: float = 0.0  # seconds of the whole component; ours only


def beginner(arrays: Arrays, epochs: int) -> Measured:
    """TensorFlow 2 quickstart for beginners, fitted twice, half of the epochs each time."""
    layers = [
        keras.Input((28, 28)),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(10),
    ]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fits = [some for some in (epochs // 2, epochs - epochs // 2) if some]
    return fit(layers, "adam", loss, divided(arrays), fits, batch_size=32)


def fashion_first(arrays: Arrays, epochs: int) -> Measured:
    """A first network for Fashion-MNIST: softmax in the model."""
    layers = [
        keras.Input((28, 28)),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    loss = "sparse_categorical_crossentropy"
    return fit(layers, "adam", loss, divided(arrays), [epochs], batch_size=32)


def fashion_basic(arrays: Arrays, epochs: int) -> Measured:
    """Basic classification of Fashion-MNIST: logits; a Softmax on top changes no class."""
    layers = [
        keras.Input((28, 28)),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(10),
    ]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return fit(layers, "adam", loss, divided(arrays), [epochs], batch_size=32)


def first_contact(arrays: Arrays, epochs: int) -> Measured:
    """A first contact with a neural network: 784-vectors, rmsprop."""
    layers = [
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    loss = "sparse_categorical_crossentropy"
    return fit(layers, "rmsprop", loss, as_vectors(arrays), [epochs], batch_size=128)


def from_scratch(arrays: Arrays, epochs: int) -> Measured:
    """A network from scratch: dense layers on variables, and an eager loop over slices."""
    arrays, steps = as_vectors(arrays), 0
    model = NaiveSequential([NaiveDense(784, 512, tf.nn.relu), NaiveDense(512, 10, tf.nn.softmax)])
    started = time.perf_counter()
    for _ in range(epochs):
        generator = BatchGenerator(arrays.train_images, arrays.train_labels)
        for _ in range(generator.num_batches):
            one_training_step(model, *generator.next())
            steps += 1
    seconds = time.perf_counter() - started
    found = np.argmax(model(arrays.test_images).numpy(), axis=1)
    accuracy = float(np.mean(found == arrays.test_labels))
    return Measured(seconds=seconds, accuracy=accuracy, steps=steps)


class NaiveDense:
    def __init__(
        self, input_size: int, output_size: int, activation: Callable[[tf.Tensor], tf.Tensor]
    ) -> None:
        self.activation = activation
        self.W = tf.Variable(tf.random.uniform((input_size, output_size), minval=0, maxval=0.1))
        self.b = tf.Variable(tf.zeros((output_size,)))

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.activation(tf.matmul(inputs, self.W) + self.b)


class NaiveSequential:
    def __init__(self, layers: Sequence[NaiveDense]) -> None:
        self.layers = layers

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs

    @property
    def weights(self) -> list[tf.Variable]:
        return [weight for layer in self.layers for weight in (layer.W, layer.b)]


class BatchGenerator:
    def __init__(self, images: np.ndarray, labels: np.ndarray, batch_size: int = 128) -> None:
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.num_batches = math.ceil(len(images) / batch_size)
        self.index = 0

    def next(self) -> tuple[np.ndarray, np.ndarray]:
        here = slice(self.index, self.index + self.batch_size)
        self.index += self.batch_size
        return self.images[here], self.labels[here]


def one_training_step(model: NaiveSequential, images: np.ndarray, labels: np.ndarray) -> tf.Tensor:
    with tf.GradientTape() as tape:
        losses = keras.losses.sparse_categorical_crossentropy(labels, model(images))
        loss = tf.reduce_mean(losses)
    for gradient, weight in zip(tape.gradient(loss, model.weights), model.weights, strict=True):
        weight.assign_sub(gradient * 1e-3)
    return loss


def fit(
    layers: Sequence[keras.Layer],
    optimizer: str,
    loss: str | keras.losses.Loss,
    arrays: Arrays,
    fits: Sequence[int],
    batch_size: int,
) -> Measured:
    """Keras's own way; `fits` are the epochs of each call of fit."""
    model = keras.Sequential(layers)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    started = time.perf_counter()
    for epochs in fits:
        model.fit(
            arrays.train_images,
            arrays.train_labels,
            epochs=epochs,
            batch_size=batch_size,
            verbose=0,
        )
    seconds = time.perf_counter() - started
    _, accuracy = model.evaluate(arrays.test_images, arrays.test_labels, verbose=0)
    return Measured(seconds=seconds, accuracy=accuracy, steps=int(model.optimizer.iterations))


def divided(arrays: Arrays) -> Arrays:
    """Load the images as (n, 28, 28) float64, 0-1."""
    return dataclasses.replace(
        arrays,
        train_images=arrays.train_images / 255.0,
        test_images=arrays.test_images / 255.0,
    )


def as_vectors(arrays: Arrays) -> Arrays:
    """Load the images as (n, 784) float32, 0-1."""
    return dataclasses.replace(
        arrays,
        train_images=arrays.train_images.reshape(-1, 28 * 28).astype("float32") / 255,
        test_images=arrays.test_images.reshape(-1, 28 * 28).astype("float32") / 255,
    )


PLAIN = {
    "mnist": beginner,
    "fashion_first": fashion_first,
    "fashion_basic": fashion_basic,
    "mnist_from_scratch": from_scratch,
    "mnist_first_contact": first_contact,
}
