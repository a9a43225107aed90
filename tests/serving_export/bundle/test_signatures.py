"""A signature sees the pixels that ingest, tf.data and `penstock predict` see, bit for bit."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import image_files
import numpy as np
import peak_memory
import pytest
from encoded_examples import write_both_stores

from data.examples.read_images import read_images
from data.images.read_files import read_files
from data.spec import ImageSpec
from serving_export.bundle.manifest import READ, read_manifest
from serving_export.bundle.requests import encode_examples

pytestmark = pytest.mark.slow

KIND = "jpeg"


@pytest.fixture(scope="module")
def bundle(photo_bundle: Path) -> Any:
    from serving_export.bundle.saved_model import load_bundle

    return load_bundle(photo_bundle)


def ask_as_tensorflow_serving(bundle: Any, files: Sequence[bytes]) -> np.ndarray:
    """Send a PredictRequest over the wire: what a gRPC client sends, and the server calls."""
    import tensorflow as tf
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest()
    request.model_spec.signature_name = "serving_default"
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(list(files)))
    received = PredictRequest.FromString(request.SerializeToString())
    inputs = {n: tf.constant(tf.make_ndarray(v)) for n, v in received.inputs.items()}
    answer = bundle.saved.signatures[received.model_spec.signature_name](**inputs)
    return np.asarray(answer["probabilities"])


def check_the_same_pixels(bundle: Any, paths: Sequence[Path]) -> int:
    """Compare the ways from a file to its pixels, and the probabilities of all signatures."""
    spec = bundle.manifest.spec
    for start in range(0, len(paths), 50):
        files = [path.read_bytes() for path in paths[start : start + 50]]
        pixels = np.stack([bundle.read_image(file) for file in files])
        ingested = np.stack([image.pixels for image in read_files(files, spec, ())])
        np.testing.assert_array_equal(pixels, ingested)
        wanted = bundle("images", pixels)["probabilities"]
        mixed = [
            encode_examples([pixels[i].tobytes()] if i % 2 else [file], None if i % 2 else KIND)[0]
            for i, file in enumerate(files)
        ]
        for answer in (
            ask_as_tensorflow_serving(bundle, files),
            bundle("examples", encode_examples(files, KIND))["probabilities"],
            bundle("examples", encode_examples(p.tobytes() for p in pixels))["probabilities"],
            bundle("examples", mixed)["probabilities"],
        ):
            np.testing.assert_array_equal(answer, wanted)
    return len(paths)


def test_the_same_pixels_of_photographs_by_every_way(bundle: Any, photographs: list[Path]) -> None:
    assert check_the_same_pixels(bundle, photographs) == 60


def test_evaluate_reads_the_pixels_that_are_served(
    bundle: Any, photographs: list[Path], tmp_path: Path
) -> None:
    files = [path.read_bytes() for path in photographs[:10]]
    labelled = {"test": [(file, index % 10) for index, file in enumerate(files)]}
    pixels = np.stack([bundle.read_image(file) for file in files])
    for examples in write_both_stores(tmp_path, bundle.manifest.spec, labelled):
        images, _ = read_images(examples, "test", range(len(files)))
        np.testing.assert_array_equal(images, pixels)


@pytest.mark.torture
def test_the_same_pixels_of_all_photographs(bundle: Any, sign_digits_dir: Path) -> None:
    paths = sorted((sign_digits_dir / "images").rglob("*.jpg"))
    assert check_the_same_pixels(bundle, paths) == 2062


def test_a_client_sends_a_photograph_as_json(bundle: Any, photographs: list[Path]) -> None:
    """As TensorFlow Serving's REST API takes it: base64 in "b64" is the bytes of the input."""
    file = photographs[0].read_bytes()  # 3,024 x 3,024, to be turned
    body = json.dumps({"instances": [{"image_bytes": {"b64": base64.b64encode(file).decode()}}]})
    instances = [row["image_bytes"]["b64"] for row in json.loads(body)["instances"]]
    answer = bundle("serving_default", [base64.b64decode(text) for text in instances])
    pixels = bundle.read_image(file)
    np.testing.assert_array_equal(
        answer["probabilities"], bundle("images", pixels[None])["probabilities"]
    )
    assert answer["class_name"][0].decode() in bundle.manifest.spec.class_names


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_a_batch_of_any_size_and_of_mixed_files(bundle: Any, batch: int) -> None:
    shapes = [(5, 9, 1), (48, 64, 3), (70, 20, 4)]
    files = [image_files.to_file(image_files.noise(*shape)) for shape in shapes][:batch]
    answer = bundle("serving_default", np.array(files, object))["probabilities"]
    assert answer.shape == (batch, 10)
    for row, file in zip(answer, files, strict=True):
        alone = bundle("serving_default", [file])["probabilities"]
        np.testing.assert_allclose(row, alone[0], atol=1e-6)
    examples = np.array(encode_examples(files, "png"), object)
    np.testing.assert_array_equal(bundle("examples", examples)["probabilities"], answer)


BAD: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "text": lambda: b"hello",
    "a truncated JPEG": lambda: image_files.to_file(image_files.noise(30, 40, 3), "JPEG")[:-90],
    "a truncated PNG": lambda: image_files.to_file(image_files.noise(30, 40, 3))[:-90],
    "CMYK": lambda: image_files.cmyk(image_files.noise(30, 40, 3)),
    "too many megapixels": lambda: image_files.vast("PNG", 16_000),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_fails_its_batch_with_the_reason_that_predict_gives(
    bundle: Any, what: str
) -> None:
    import tensorflow as tf

    from data.errors import BadDataError

    good, bad = image_files.to_file(image_files.noise(30, 40, 3)), BAD[what]()
    with pytest.raises(BadDataError) as predicted:
        bundle.read_image(bad)
    reason = str(predicted.value.got).partition(":")[0]
    for signature, batch in (
        ("serving_default", [good, bad]),
        ("examples", encode_examples([good, bad], "png")),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError) as served:
            bundle(signature, batch)
        if "damaged" not in reason:  # a decoder's own message
            assert reason in str(served.value)
    (ingested,) = read_files([bad], bundle.manifest.spec, ())
    assert ingested.problem == predicted.value.got


def test_an_exact_model_refuses_another_size(bundle: Any) -> None:
    """Its function alone: a bundle of it is made by many other tests."""
    import tensorflow as tf

    from serving_export.bundle.signatures import make_read_function

    spec = ImageSpec(height=6, width=5, channels=3, class_names=("a", "b"))
    read, pixels = make_read_function(spec), image_files.noise(6, 5, 3)
    np.testing.assert_array_equal(read(tf.constant(image_files.to_file(pixels))), pixels)
    with pytest.raises(tf.errors.InvalidArgumentError, match="fit is exact"):
        read(tf.constant(image_files.to_file(image_files.noise(7, 5, 3))))


@pytest.mark.parametrize("what", image_files.VAST)
def test_the_header_is_checked_before_the_file_is_decoded(what: str) -> None:
    """In a graph, where an assertion alone delays nothing."""
    import tensorflow as tf

    from data.geometry import Geometry
    from serving_export.bundle.signatures import make_read_function

    spec = ImageSpec(
        height=8,
        width=8,
        channels=1,
        class_names=("a", "b"),
        geometry=Geometry(fit="stretch", max_megapixels=10),
    )
    read, large = make_read_function(spec), image_files.VAST[what]()
    read(tf.constant(image_files.vast("PNG", 9)))

    def refused() -> None:
        with pytest.raises(tf.errors.InvalidArgumentError):
            read(tf.constant(large))

    assert peak_memory.growth(refused) < image_files.REFUSAL_BYTES


def test_the_manifest_has_the_geometry(photo_bundle: Path) -> None:
    geometry = read_manifest(photo_bundle).spec.geometry
    assert (geometry.fit, geometry.background) == ("pad", (10, 200, 90))


def test_the_graph_of_the_decoder_is_stored_once(photo_bundle: Path) -> None:
    """Signatures call the function `read_image`; a copy in each would make loading slow."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    graph = SavedModel.FromString((photo_bundle / "saved_model.pb").read_bytes())
    library = graph.meta_graphs[0].graph_def.library.function
    # The only operation of its kind; JPEG and PNG share theirs in several branches.
    decoders = [f for f in library if any(n.op == "DecodeWebP" for n in f.node_def)]
    assert len(decoders) == 1, READ
