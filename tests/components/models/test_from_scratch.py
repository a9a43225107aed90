from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from gradient_step import gradient_step

from components.models.from_scratch import Sequential, build, cross_entropy, descend
from data.errors import ConfigError
from data.spec import ImageSpec

SPEC = ImageSpec(height=4, width=3, channels=1, class_names=("a", "b", "c"))
RATE = 0.05


def a_batch(count: int = 7) -> tuple[tf.Tensor, tf.Tensor]:
    """Images (count, 4, 3, 1) float32, 0-1, and labels (count,) int64."""
    rng = np.random.default_rng(count)
    images = rng.uniform(0, 1, (count, *SPEC.shape)).astype(np.float32)
    return tf.constant(images), tf.constant(rng.integers(0, SPEC.num_classes, count))


def arrays(model: Sequential) -> list[np.ndarray]:
    return [weight.numpy() for weight in model.weights]


def test_the_tutorials_network():
    spec = ImageSpec(height=28, width=28, channels=1, class_names=tuple("0123456789"))
    w1, b1, w2, b2 = arrays(build(spec, {}, seed=3))
    assert [w1.shape, b1.shape, w2.shape, b2.shape] == [(784, 512), (512,), (512, 10), (10,)]
    for w in (w1, w2):
        assert 0 <= w.min() < 0.001
        assert 0.099 < w.max() < 0.1
        np.testing.assert_allclose(w.mean(), 0.05, atol=0.002)  # uniform's mean and deviation
        np.testing.assert_allclose(w.std(), 0.1 / np.sqrt(12), atol=0.002)
    assert not b1.any()
    assert not b2.any()


def test_weights_are_a_function_of_the_seed():
    once, again, other = (arrays(build(SPEC, {"units": 12}, seed)) for seed in (1, 1, 2))
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(once[0], other[0])
    assert not np.array_equal(once[0][:, :3], once[2])  # nor are two layers alike


def test_it_gives_probabilities_of_any_number_of_images():
    model = build(SPEC, {"units": 5}, seed=0)
    for count in (0, 1, 7):
        output = model(a_batch(count)[0])
        assert output.shape == (count, 3)
        assert output.dtype == tf.float32
        np.testing.assert_allclose(tf.reduce_sum(output, axis=1), 1, rtol=1e-6)


def test_the_order_of_images_does_not_matter():
    model, (images, _) = build(SPEC, {"units": 5}, seed=0), a_batch()
    forth, back = model(images), model(images[::-1])
    np.testing.assert_allclose(forth, back[::-1], rtol=1e-6)


def test_images_of_another_size_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError):
        build(SPEC, {}, seed=0)(tf.zeros([2, 4, 4, 1]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unit": 5}, "did you mean 'units'"),
        ({"units": 0}, "units >= 1"),
        ({"units": 2.5}, "got:      units=2.5"),
    ],
)
def test_options_that_cannot_be(options, words):
    with pytest.raises(ConfigError, match=words):
        build(SPEC, options, seed=0)


@pytest.mark.parametrize("scale", [1, 10, 1000])  # 1000: probabilities of 0 and 1
def test_the_loss_and_its_gradient_are_kerass(scale):
    rng = np.random.default_rng(scale)
    logits = tf.constant(rng.normal(0, scale, (40, 10)).astype(np.float32))
    labels = tf.constant(rng.integers(0, 10, 40))
    found = []
    for loss in (lambda p: cross_entropy(p, labels), lambda p: keras_loss(labels, p)):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = loss(tf.nn.softmax(logits))
        found.append((losses, tape.gradient(losses, logits)))
    assert found[0][0].shape == (40,)
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.isfinite(found[0][0]).all()


def keras_loss(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    return keras.losses.sparse_categorical_crossentropy(labels, probabilities)


def test_the_loss_is_the_logarithm_of_the_labels_probability():
    p = np.array([[0.2, 0.3, 0.5], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], np.float32)
    losses = cross_entropy(tf.constant(p), tf.constant([1, 2, 2])).numpy()
    np.testing.assert_allclose(losses, [-np.log(0.3), 0, -np.log(1e-7)], rtol=1e-6, atol=1e-6)
    assert losses[2] < 16.2


def test_a_step_inside_a_function_is_the_eager_step():
    images, labels = a_batch()
    eager, compiled = (build(SPEC, {"units": 5}, seed=0) for _ in range(2))
    function = tf.function(gradient_step, autograph=False)
    for _ in range(3):
        loss = gradient_step(eager, images, labels, RATE)
        np.testing.assert_allclose(function(compiled, images, labels, RATE), loss, rtol=1e-5)
    for a, b in zip(arrays(eager), arrays(compiled), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_step_is_that_of_kerass_own_layers_and_sgd():
    images, labels = a_batch()
    model = build(SPEC, {"units": 5}, seed=0)
    theirs = keras.Sequential(
        [
            keras.Input(SPEC.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(5, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    theirs.set_weights(arrays(model))
    theirs.compile(keras.optimizers.SGD(RATE), "sparse_categorical_crossentropy")
    losses = [float(gradient_step(model, images, labels, RATE)) for _ in range(5)]
    expected = [theirs.train_on_batch(images, labels) for _ in range(5)]
    np.testing.assert_allclose(losses[0], expected[0], rtol=1e-5)
    assert losses == sorted(losses, reverse=True)
    for ours, weight in zip(arrays(model), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(ours, weight, rtol=1e-5, atol=1e-6)


def test_the_pieces_of_a_step_with_weights_of_images():
    """As a `train_fn` puts them together: a weight of 2 is the image twice."""
    images, labels = a_batch(4)
    once, twice = (build(SPEC, {"units": 5}, seed=0) for _ in range(2))
    weights = tf.constant([2.0, 1.0, 1.0, 1.0]) / 5
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(cross_entropy(once(images), labels) * weights)
    descend(once.weights, tape.gradient(loss, once.weights), RATE)
    gradient_step(
        twice, tf.concat([images[:1], images], 0), tf.concat([labels[:1], labels], 0), RATE
    )
    for a, b in zip(arrays(once), arrays(twice), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_it_learns():
    images, _ = a_batch(200)
    darkest = tf.argmin(tf.reduce_sum(images[..., 0], axis=1), axis=1)  # which column of three
    model, step = build(SPEC, {"units": 32}, seed=0), tf.function(gradient_step, autograph=False)
    first = float(step(model, images, darkest, 0.5))
    for _ in range(300):
        last = float(step(model, images, darkest, 0.5))
    assert last < first / 2
    assert np.mean(tf.argmax(model(images), axis=1) == darkest) > 0.9
