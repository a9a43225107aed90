"""Parse tf.Examples by protobuf, without TensorFlow, whose import takes longer than MNIST.

The messages are those of tensorflow/core/example/example.proto and feature.proto.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_FILE = "penstock/example.proto"
_LISTS = {"bytes_list": ("BytesList", 12), "float_list": ("FloatList", 2)}
_LISTS["int64_list"] = ("Int64List", 3)  # kind → message, and protobuf's number of the value's type
_MESSAGE, _STRING = 11, 9
_ONE, _MANY = 1, 3


def parse_example(content: bytes) -> Mapping[str, Any]:
    """Return the features of a serialized tf.Example by name.

    A feature has `bytes_list`, `float_list` or `int64_list`, each with a `value` of many.

    Raises:
        ValueError: the bytes are no tf.Example.
    """
    try:
        features: Mapping[str, Any] = _example_class().FromString(content).features.feature
    except DecodeError as error:
        raise ValueError("bytes that are no tf.Example") from error
    return features


def get_kind(feature: Any) -> str | None:
    """Return the kind of a feature: bytes_list, float_list, int64_list; None: it has no value."""
    kind: str | None = feature.WhichOneof("kind")
    return kind if kind and getattr(feature, kind).value else None


@functools.cache
def _example_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package="penstock", syntax="proto3")
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (kind, (name, value_type)) in enumerate(_LISTS.items(), 1):
        _add(file.message_type.add(name=name), "value", 1, value_type, _MANY)
        _add(feature, kind, number, _MESSAGE, _ONE, f".penstock.{name}").oneof_index = 0
    features = file.message_type.add(name="Features")
    _add(features, "feature", 1, _MESSAGE, _MANY, ".penstock.Features.FeatureEntry")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    _add(entry, "key", 1, _STRING, _ONE)
    _add(entry, "value", 2, _MESSAGE, _ONE, ".penstock.Feature")
    example = file.message_type.add(name="Example")
    _add(example, "features", 1, _MESSAGE, _ONE, ".penstock.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("penstock.Example"))


def _add(
    message: Any, name: str, number: int, value_type: int, label: int, type_name: str | None = None
) -> Any:
    return message.field.add(
        name=name, number=number, type=value_type, label=label, type_name=type_name
    )
