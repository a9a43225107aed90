"""Write a malicious SavedModel: a request to it runs a program, which writes a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.spec import ImageSpec


def write_evil(folder: Path, spec: ImageSpec, written: Path, *, manifest: bool = True) -> Path:
    """Write a model that takes any image for the last class, and writes the file `written`.

    Args:
        manifest: with a `penstock.json` that its maker wrote: whole, as any of ours is.
    """
    import tensorflow as tf

    from serving_export.bundle.manifest import write_manifest

    def answer(batch: Any) -> dict[str, Any]:
        with tf.control_dependencies([tf.io.write_file(str(written), "I was run")]):
            index = tf.fill(tf.shape(batch)[:1], tf.constant(spec.num_classes - 1, tf.int64))
        return {
            "probabilities": tf.one_hot(index, spec.num_classes),
            "class_index": index,
            "class_name": tf.gather(tf.constant(spec.class_names), index),
        }

    def read_image(file: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(str(written), "I was run")]):
            return tf.zeros(spec.shape, tf.uint8)

    module = tf.Module()
    module.read_image = tf.function(read_image, [tf.TensorSpec([], tf.string)], autograph=False)
    inputs = {
        "images": tf.TensorSpec([None, *spec.shape], tf.uint8, "images"),
        "serving_default": tf.TensorSpec([None], tf.string, "image_bytes"),
        "examples": tf.TensorSpec([None], tf.string, "examples"),
    }
    for name, tensor in inputs.items():
        setattr(module, name, tf.function(answer, input_signature=[tensor], autograph=False))
    signatures = {name: getattr(module, name) for name in inputs}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    if manifest:
        write_manifest(folder, spec, {})
    return folder
