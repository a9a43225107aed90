"""Find the features of the examples of a split, without TensorFlow."""

from __future__ import annotations

from collections.abc import Collection

from data.examples.artifact import Examples
from data.examples.tf_example import feature_names
from data.examples.tfrecord import damaged_examples_error, read_records


def find_features(examples: Examples, split: str, required: Collection[str]) -> set[str]:
    """Return the features of a split's examples; stops once all required ones were found.

    Raises:
        BadDataError: a record that cannot be read.
        EnvironmentTrouble: a shard cannot be read.
    """
    features: set[str] = set()
    for record in read_records(examples, split, range(examples.num_examples(split))):
        try:
            features |= feature_names(record)
        except (KeyError, IndexError, ValueError) as error:
            raise damaged_examples_error(examples.path, "tf.Examples", repr(error)) from error
        if features.issuperset(required):
            break
    return features
