from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.errors import ConfigError
from data.spec import ImageSpec
from serving_export.bundle.manifest import SIGNATURES, read_manifest, verify_bundle

pytestmark = pytest.mark.slow


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def file_bytes(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, kind, **options)
    return buffer.getvalue()


def example(pixels: bytes | None, label: int = 0) -> bytes:
    import tensorflow as tf

    feature = {"label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))}
    if pixels is not None:
        feature["image"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[pixels]))
    features = tf.train.Features(feature=feature)
    return bytes(tf.train.Example(features=features).SerializeToString())


def as_signature(name: str, images: np.ndarray) -> Any:
    import tensorflow as tf

    if name == "images":
        return images
    encode = file_bytes if name == "serving_default" else lambda image: example(image.tobytes())
    return tf.constant([encode(image) for image in images], tf.string)


def test_a_consumer_needs_only_tensorflow(bundle: Any, digits: Any, spec: ImageSpec) -> None:
    import tensorflow as tf

    saved = tf.saved_model.load(str(bundle.path))
    inputs = {
        name: [
            (s.name, s.dtype, s.shape.as_list()) for s in f.structured_input_signature[1].values()
        ]
        for name, f in saved.signatures.items()
    }
    assert inputs == {
        "serving_default": [("image_bytes", tf.string, [None])],
        "images": [("images", tf.uint8, [None, 8, 8, 1])],
        "examples": [("examples", tf.string, [None])],
    }
    images = digits.images[:50]
    pixels = images.astype(np.float32)
    centered = (pixels - digits.images[:100].mean(dtype=np.float64)) / 255
    wanted = softmax(bundle.model(centered, training=False).numpy())
    for name, function in saved.signatures.items():
        answer = function(tf.constant(as_signature(name, images)))
        assert {k: (v.dtype, v.shape.as_list()) for k, v in answer.items()} == {
            "probabilities": (tf.float32, [50, 10]),
            "class_index": (tf.int64, [50]),
            "class_name": (tf.string, [50]),
        }
        np.testing.assert_allclose(answer["probabilities"].numpy(), wanted, atol=1e-5)
        index = answer["probabilities"].numpy().argmax(axis=1)
        np.testing.assert_array_equal(answer["class_index"].numpy(), index)
        names = [name.decode() for name in answer["class_name"].numpy()]
        assert names == [spec.class_names[i] for i in index]


def test_each_function_is_saved_once(bundle: Any) -> None:
    """Saving traces a `tf.function` again; with both graphs, loading takes longer."""
    from tensorflow.core.protobuf import saved_model_pb2

    content = (bundle.path / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    names = [f.signature.name.rpartition("_")[0] for f in graph.graph_def.library.function]
    for name in ("probabilities", "files", "examples", "signature_wrapper"):
        wanted = len(SIGNATURES) if name == "signature_wrapper" else 1
        assert names.count(f"__inference_{name}") == wanted, name


@pytest.mark.parametrize("batch", [0, 1, 7, 33])
def test_a_batch_is_its_images(bundle: Any, digits: Any, batch: int) -> None:
    from serving_export.bundle.saved_model import load_bundle

    ask = load_bundle(bundle.path, bundle.digest)
    whole = ask("images", digits.images[:40])
    for name in SIGNATURES:
        part = ask(name, as_signature(name, digits.images[:batch]))
        assert part["probabilities"].shape == (batch, 10)
        np.testing.assert_allclose(part["probabilities"], whole["probabilities"][:batch], atol=1e-6)
        np.testing.assert_array_equal(part["class_name"], whole["class_name"][:batch])


def functional(spec: ImageSpec, width: int, activation: str | None) -> Any:
    import keras

    image = keras.Input(spec.shape)
    x = keras.layers.Conv2D(4, 3, activation="relu")(image)
    x = keras.layers.Concatenate()([x, keras.layers.BatchNormalization(momentum=0.5)(x)])
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.GaussianNoise(1.0)(x))
    return keras.Model(image, keras.layers.Dense(width, activation=activation)(x))


def subclassed(spec: ImageSpec, width: int, activation: str | None) -> Any:
    import keras

    class Net(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.parts = [keras.layers.Flatten(), keras.layers.Dense(width, activation=activation)]
            self.drop = keras.layers.Dropout(0.5)
            self.scale = self.add_weight(shape=(), initializer="ones")

        def call(self, x: Any, training: bool = False) -> Any:
            return self.parts[1](self.drop(self.parts[0](x) * self.scale, training=training))

    return Net()


def without_training_argument(spec: ImageSpec, width: int, activation: str | None) -> Any:
    import keras

    class Net(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = functional(spec, width, activation)

        def call(self, x: Any) -> Any:
            return self.inner(x)

    return Net()


def half_precision(spec: ImageSpec, width: int, activation: str | None) -> Any:
    import keras

    model = [keras.layers.Input(spec.shape), keras.layers.Flatten()]
    last = keras.layers.Dense(width, activation=activation, dtype="mixed_bfloat16")
    return keras.Sequential([*model, last])


@pytest.mark.parametrize(
    ("build", "output"),
    [
        (build, output)
        for build in (functional, subclassed, without_training_argument, half_precision)
        for output in ("logits", "probabilities")
    ],
)
def test_any_keras_model_in_inference_mode(
    build: Callable[..., Any],
    output: Any,
    spec: ImageSpec,
    divide: Path,
    digits: Any,
    tmp_path: Path,
) -> None:
    from serving_export.bundle.saved_model import load_bundle, write_bundle

    model = build(spec, 10, None if output == "logits" else "softmax")
    images = digits.images[:20]
    seen = model(images / np.float32(255), training=True)  # moves what moves in training
    assert seen.shape == (20, 10)
    raw = np.asarray(model(images / np.float32(255), training=False), np.float32)
    path = tmp_path / "bundle"
    digest = write_bundle(
        path, model=model, transform_path=divide, spec=spec, model_output=output, metadata={}
    )
    answer = load_bundle(path, digest)("images", images)["probabilities"]
    np.testing.assert_allclose(answer, softmax(raw) if output == "logits" else raw, atol=2e-6)
    np.testing.assert_array_equal(load_bundle(path)("images", images)["probabilities"], answer)


def test_an_output_of_the_wrong_width_is_refused(
    spec: ImageSpec, divide: Path, tmp_path: Path
) -> None:
    from serving_export.bundle.saved_model import write_bundle

    with pytest.raises(ConfigError) as caught:
        write_bundle(
            tmp_path / "bundle",
            model=functional(spec, 9, None),
            transform_path=divide,
            spec=spec,
            model_output="logits",
            metadata={},
        )
    assert "(batch, 10)" in str(caught.value)
    assert not (tmp_path / "bundle").exists()


def bad_inputs(digits: Any) -> dict[str, tuple[str, Any]]:
    image = digits.images[0]
    wide = np.zeros((8, 9), np.uint8)
    return {
        "a png of another size": ("serving_default", [file_bytes(wide)]),
        "a jpeg of another size": ("serving_default", [file_bytes(wide, "JPEG")]),
        "a gif of another size": ("serving_default", [file_bytes(wide, "GIF")]),
        "no image": ("serving_default", [b"hello"]),
        "no bytes": ("serving_default", [b""]),
        "a png cut short": ("serving_default", [file_bytes(image)[:-30]]),
        "a jpeg cut short": ("serving_default", [file_bytes(image, "JPEG")[:-2]]),
        "one bad of two": ("serving_default", [file_bytes(image), file_bytes(wide)]),
        "pixels of another size": ("images", np.zeros((1, 8, 9, 1), np.uint8)),
        "a byte too few": ("examples", [example(image.tobytes()[1:])]),
        "twice the bytes": ("examples", [example(image.tobytes() * 2)]),
        "a byte more, a byte less": (
            "examples",
            [example(image.tobytes() + b"0"), example(image.tobytes()[1:])],
        ),
        "no feature image": ("examples", [example(None)]),
        "no tf.Example": ("examples", [b"hello"]),
    }


def test_wrong_input_is_an_error_and_no_prediction(bundle: Any, digits: Any) -> None:
    import tensorflow as tf

    from serving_export.bundle.saved_model import load_bundle

    ask = load_bundle(bundle.path)
    for what, (signature, batch) in bad_inputs(digits).items():
        with pytest.raises((tf.errors.InvalidArgumentError, TypeError, ValueError)):
            pytest.fail(f"{what}: {ask(signature, batch)}")


def test_the_manifest_says_what_it_is(bundle: Any, spec: ImageSpec) -> None:
    manifest = read_manifest(bundle.path)
    assert (manifest.spec, manifest.metadata) == (spec, {"epochs": 1})
    files = {p.relative_to(bundle.path).as_posix() for p in bundle.path.rglob("*") if p.is_file()}
    assert manifest.files.keys() == files - {"penstock.json"}
    assert verify_bundle(bundle.path) == bundle.digest


def test_another_size_is_refused_in_words_that_a_server_returns(bundle: Any) -> None:
    """Grappler once took a promise of a shape for a fact, and removed the check before it."""
    import tensorflow as tf

    from serving_export.bundle.saved_model import load_bundle

    ask = load_bundle(bundle.path)
    for file in (file_bytes(np.zeros((8, 9), np.uint8)), file_bytes(np.zeros((4, 16), np.uint8))):
        with pytest.raises(tf.errors.InvalidArgumentError, match="8 high, and fit is exact"):
            ask("serving_default", [file])
