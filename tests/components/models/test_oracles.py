"""The naive operations against TensorFlow, and the from-scratch layers against both."""

from __future__ import annotations

import itertools

import numpy as np
import oracles
import pytest
import tensorflow as tf
from gradient_step import gradient_step

from components.models.from_scratch import Dense, Sequential, descend
from data.batches.sequential import read_batches
from data.batches.training import plan_feed, read_training_chunks
from data.examples.artifact import Examples, shard_name
from data.examples.tf_example import encode
from data.spec import ImageSpec

SIZES = (1, 2, 5)
PAIRS = list(itertools.product(SIZES, repeat=2))
TRIPLES = list(itertools.product(SIZES, repeat=3))
FLOAT32 = {"rtol": 1e-5, "atol": 1e-5}  # how far a float32 layer may be from float64 by hand


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers from -2 to 2 that float32 holds exactly, others for each shape and seed."""
    rng = np.random.default_rng((seed, *shape))
    return rng.uniform(-2, 2, shape).astype(np.float32).astype(np.float64)


def layer(w: np.ndarray, b: np.ndarray, activation=None) -> Dense:
    """A from-scratch layer with these weights."""
    made = Dense(*w.shape, activation, (0, 0))
    made.W.assign(w)
    made.b.assign(b)
    return made


def ask(model: Dense | Sequential, x: np.ndarray) -> np.ndarray:
    return model(tf.constant(x, tf.float32)).numpy()


@pytest.mark.parametrize(("rows", "columns"), PAIRS)
def test_relu(rows, columns):
    x = numbers(rows, columns)
    expected = oracles.relu(x)
    np.testing.assert_array_equal(expected, tf.nn.relu(x))
    ours = layer(np.eye(columns), np.zeros(columns), tf.nn.relu)
    np.testing.assert_allclose(ask(ours, x), expected, **FLOAT32)


@pytest.mark.parametrize(("rows", "columns"), PAIRS)
def test_add(rows, columns):
    x, y = numbers(rows, columns), numbers(rows, columns, seed=1)
    np.testing.assert_array_equal(oracles.add(x, y), tf.add(x, y))
    weight = tf.Variable(x, dtype=tf.float32)  # our step adds -learning_rate * gradient
    descend([weight], [tf.constant(y, tf.float32)], 0.5)
    np.testing.assert_allclose(weight, oracles.add(x, -0.5 * y), **FLOAT32)


@pytest.mark.parametrize(("rows", "columns"), PAIRS)
def test_add_matrix_and_vector_broadcasts(rows, columns):
    x, b = numbers(rows, columns), numbers(columns)
    expected = oracles.add_matrix_and_vector(x, b)
    np.testing.assert_array_equal(expected, tf.add(x, b))
    np.testing.assert_allclose(ask(layer(np.eye(columns), b), x), expected, **FLOAT32)


@pytest.mark.parametrize("size", SIZES)
def test_vector_dot(size):
    x, w = numbers(size), numbers(size, seed=1)
    expected = oracles.vector_dot(x, w)
    np.testing.assert_allclose(expected, tf.tensordot(x, w, 1))
    ours = layer(w[:, np.newaxis], np.zeros(1))
    np.testing.assert_allclose(ask(ours, x[np.newaxis])[0, 0], expected, **FLOAT32)


@pytest.mark.parametrize(("rows", "size"), PAIRS)
def test_matrix_vector_dot(rows, size):
    x, w = numbers(rows, size), numbers(size)
    expected = oracles.matrix_vector_dot(x, w)
    np.testing.assert_allclose(expected, tf.linalg.matvec(x, w))
    ours = layer(w[:, np.newaxis], np.zeros(1))
    np.testing.assert_allclose(ask(ours, x)[:, 0], expected, **FLOAT32)


@pytest.mark.parametrize(("rows", "size", "columns"), TRIPLES)
def test_matrix_dot(rows, size, columns):
    x, w = numbers(rows, size), numbers(size, columns, seed=1)
    expected = oracles.matrix_dot(x, w)
    np.testing.assert_allclose(expected, tf.matmul(x, w))
    np.testing.assert_allclose(ask(layer(w, np.zeros(columns)), x), expected, **FLOAT32)


@pytest.mark.parametrize(("rows", "columns"), PAIRS)
def test_outer(rows, columns):
    x, y = numbers(rows), numbers(columns, seed=1)
    expected = oracles.outer(x, y)
    np.testing.assert_allclose(expected, tf.einsum("i,j->ij", x, y))
    column = oracles.reshape(x, (rows, 1))
    np.testing.assert_allclose(expected, oracles.matrix_dot(column, y[np.newaxis]))


@pytest.mark.parametrize(("rows", "size", "columns"), TRIPLES)
def test_transpose(rows, size, columns):
    x, w = numbers(rows, size), numbers(size, columns, seed=1)
    np.testing.assert_array_equal(oracles.transpose(x), tf.transpose(x))
    np.testing.assert_array_equal(oracles.transpose(oracles.transpose(x)), x)
    product = oracles.matrix_dot(oracles.transpose(w), oracles.transpose(x))
    ours = ask(layer(w, np.zeros(columns)), x)
    np.testing.assert_allclose(oracles.transpose(product), ours, **FLOAT32)  # (W'x')' = xW


@pytest.mark.parametrize("shape", TRIPLES)
def test_reshape(shape):
    x, flat = numbers(*shape), (shape[0], shape[1] * shape[2])
    for other in (flat, (flat[1], flat[0]), (*shape, 1), (x.size,)):
        np.testing.assert_array_equal(oracles.reshape(x, other), tf.reshape(x, other))
    ours = Sequential([layer(np.eye(flat[1]), np.zeros(flat[1]))])  # flattens each image
    np.testing.assert_allclose(ask(ours, x), oracles.reshape(x, flat), **FLOAT32)


@pytest.mark.parametrize(("rows", "columns"), PAIRS)
@pytest.mark.parametrize("scale", [1, 500])
def test_softmax(rows, columns, scale):
    x = numbers(rows, columns) * scale
    expected = oracles.softmax(x)
    np.testing.assert_allclose(expected, tf.nn.softmax(x), rtol=1e-12, atol=1e-300)
    ours = layer(np.eye(columns), np.zeros(columns), tf.nn.softmax)
    np.testing.assert_allclose(ask(ours, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("operation", "shapes"),
    [
        ("relu", [(3,)]),
        ("add", [(2, 3), (3, 2)]),
        ("add", [(3,), (3,)]),
        ("add_matrix_and_vector", [(2, 3), (2,)]),
        ("add_matrix_and_vector", [(2, 3), (1, 3)]),
        ("vector_dot", [(2,), (3,)]),
        ("vector_dot", [(2, 1), (2,)]),
        ("matrix_vector_dot", [(2, 3), (2,)]),
        ("matrix_vector_dot", [(3,), (3,)]),
        ("matrix_dot", [(2, 3), (2, 3)]),
        ("matrix_dot", [(2, 3), (3,)]),
        ("outer", [(2, 1), (3,)]),
        ("transpose", [(3,)]),
        ("softmax", [(3,)]),
    ],
)
def test_a_wrong_shape_is_refused(operation, shapes):
    with pytest.raises(AssertionError):
        getattr(oracles, operation)(*(numbers(*shape) for shape in shapes))


def test_a_reshape_that_loses_numbers_is_refused():
    with pytest.raises(AssertionError):
        oracles.reshape(numbers(2, 3), (2, 2))


@pytest.mark.parametrize(("rows", "inputs", "units"), TRIPLES)
@pytest.mark.parametrize("activation", ["relu", "softmax"])
def test_a_dense_layer_by_hand(rows, inputs, units, activation):
    x, w, b = numbers(rows, inputs), numbers(inputs, units, seed=1), numbers(units)
    y = oracles.add_matrix_and_vector(oracles.matrix_dot(x, w), b)
    ours = layer(w, b, getattr(tf.nn, activation))
    np.testing.assert_allclose(ask(ours, x), getattr(oracles, activation)(y), **FLOAT32)


@pytest.mark.parametrize(("rows", "inputs", "units"), TRIPLES)
def test_the_gradient_of_a_dense_layer_is_a_sum_of_outer_products(rows, inputs, units):
    x, dy = (
        numbers(rows, inputs),
        numbers(rows, units, seed=1),
    )  # dy: the loss's gradient at the output
    ours = layer(numbers(inputs, units, seed=2), numbers(units))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(ours(tf.constant(x, tf.float32)) * dy.astype(np.float32))
    dw, db = np.zeros((inputs, units)), np.zeros((1, units))
    for image in range(rows):
        dw = oracles.add(dw, oracles.outer(x[image], dy[image]))
        db = oracles.add(db, dy[image : image + 1])
    np.testing.assert_allclose(dw, oracles.matrix_dot(oracles.transpose(x), dy))
    for gradient, expected in zip(tape.gradient(loss, ours.weights), (dw, db[0]), strict=True):
        np.testing.assert_allclose(gradient, expected, **FLOAT32)


@pytest.mark.parametrize(("rows", "inputs", "units"), TRIPLES)
def test_a_step_by_hand(rows, inputs, units):
    """Forward, backward and update of relu and softmax layers, against `gradient_step`."""
    classes, rate = 3, 0.1
    x, labels = numbers(rows, inputs), np.arange(rows) % classes
    w1, b1 = numbers(inputs, units, seed=1), numbers(units)
    w2, b2 = numbers(units, classes, seed=2), numbers(classes)
    model = Sequential([layer(w1, b1, tf.nn.relu), layer(w2, b2, tf.nn.softmax)])

    before = oracles.add_matrix_and_vector(oracles.matrix_dot(x, w1), b1)
    hidden = oracles.relu(before)
    p = oracles.softmax(oracles.add_matrix_and_vector(oracles.matrix_dot(hidden, w2), b2))
    dy2 = (p - np.eye(classes)[labels]) / rows  # of softmax and cross entropy together
    dy1 = oracles.matrix_dot(dy2, oracles.transpose(w2)) * (before > 0)
    pairs = ((x, dy1), (hidden, dy2))
    expected = []
    for weight, bias, (inward, dy) in zip((w1, w2), (b1, b2), pairs, strict=True):
        dw = sum(oracles.outer(a, d) for a, d in zip(inward, dy, strict=True))
        expected += [weight - rate * dw, bias - rate * sum(dy)]

    loss = gradient_step(model, tf.constant(x, tf.float32), tf.constant(labels), rate)
    np.testing.assert_allclose(loss, -np.log(p[np.arange(rows), labels]).mean(), rtol=1e-4)
    for weight, by_hand in zip(model.weights, expected, strict=True):
        np.testing.assert_allclose(weight, by_hand, **FLOAT32)


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> Examples:
    """23 images of 3 x 2, each a class of its own, in two shards."""
    folder = tmp_path_factory.mktemp("examples")
    spec = ImageSpec(height=3, width=2, channels=1, class_names=tuple(map(str, range(23))))
    images = np.random.default_rng(0).integers(0, 256, (23, *spec.shape), dtype=np.uint8)
    for number, here in enumerate((slice(0, 9), slice(9, 23))):
        content = encode(images[here], np.arange(23)[here])
        (folder / shard_name("train", number, 2)).write_bytes(content)
    return Examples(path=folder, spec=spec, counts={"train": (1,) * 23})


@pytest.mark.parametrize("batch_size", [1, 4, 22, 23, 24])
def test_batches_are_those_of_the_batch_generator(examples, batch_size):
    """What is read, and what training is fed unshuffled, each cut as the tutorial cuts."""
    ((images, labels),) = read_batches(examples, "train", batch_size=100).as_numpy_iterator()
    assert list(labels) == list(range(23))
    generator = oracles.BatchGenerator(images, labels, batch_size)
    expected = [generator.next() for _ in range(generator.num_batches)]
    assert sum(len(some) for _, some in expected) == 23
    assert 0 < len(expected[-1][1]) == 23 - batch_size * (generator.num_batches - 1)
    read = list(read_batches(examples, "train", batch_size=batch_size).as_numpy_iterator())

    feed = plan_feed(examples, batch_size=batch_size, shuffle=False)
    fed = []
    for some, their in read_training_chunks(examples, feed, epochs=1, seed=0).as_numpy_iterator():
        for start in range(0, len(their), batch_size):
            here = slice(start, start + batch_size)
            fed.append((some[here], their[here]))
    for found in (read, fed):
        for (some, their), (image, label) in zip(found, expected, strict=True):
            np.testing.assert_array_equal(some, image)
            np.testing.assert_array_equal(their, label)
