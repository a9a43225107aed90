"""The features of examples, against TensorFlow's own reading of them."""

from __future__ import annotations

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from data.examples.tf_example import feature_names

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.one_of(
    st.lists(st.binary(max_size=300), max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
    st.lists(st.floats(width=32), max_size=3),
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_the_names_are_those_that_tensorflow_reads(values) -> None:
    example = tf.train.Example()
    for name, found in values.items():
        kind = {bytes: "bytes_list", int: "int64_list", float: "float_list"}[
            type(found[0]) if found else bytes
        ]
        getattr(example.features.feature[name], kind).value.extend(found)
    assert feature_names(example.SerializeToString()) == set(values)
