"""Detect whether the images of a split are sorted by class."""

from __future__ import annotations

import tensorflow as tf

from data.batches.parse import parse_labels
from data.examples.artifact import Examples

_SHARDS, _RECORDS = 4, 1000  # number of shards, and of records in each, that are read


def has_label_runs(examples: Examples, split: str) -> bool:
    """Return whether adjacent labels are equal much more often than in a random order."""
    shards = [str(shard) for shard in examples.shards(split)]
    step = max(1, len(shards) // _SHARDS)
    equal = pairs = 0
    for shard in shards[::step][:_SHARDS]:
        for records in tf.data.TFRecordDataset(shard).take(_RECORDS).batch(_RECORDS):
            labels = parse_labels(records).numpy()
            equal += int((labels[1:] == labels[:-1]).sum())
            pairs += len(labels) - 1
    total = examples.num_examples(split)
    by_chance = sum((count / total) ** 2 for count in examples.counts[split])
    return pairs > 0 and equal / pairs > (1 + by_chance) / 2 and by_chance < 1
