"""Which features the examples of a split have, read without TensorFlow."""

from __future__ import annotations

from collections.abc import Collection

from data.examples.artifact import Examples
from data.examples.tf_example import feature_names
from data.examples.tfrecord import damaged_examples_error, read_records


def find_features(examples: Examples, split: str, wanted: Collection[str]) -> set[str]:
    """The features of a split's examples; reads on until all that are wanted were seen.

    Raises:
        BadDataError: a record that cannot be read.
        EnvironmentTrouble: a shard cannot be read.
    """
    found: set[str] = set()
    for record in read_records(examples, split, range(examples.num_examples(split))):
        try:
            found |= feature_names(record)
        except (KeyError, IndexError, ValueError) as error:
            raise damaged_examples_error(examples.path, "tf.Examples", repr(error)) from error
        if found.issuperset(wanted):
            break
    return found
