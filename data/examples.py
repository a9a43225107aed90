"""The Examples artifact: TFRecord shards of uint8 tf.Examples, with counts and spec beside them.

On disk, as `tfds.builder_from_directory` and TFX tools read it:

    examples-train.tfrecord-00000-of-00002 …    tf.Example: image = raw pixel bytes, label = int64
    dataset_info.json  features.json            TensorFlow Datasets' own description
    examples.json                               ours: spec, counts per split and class
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.spec import ImageSpec

DATASET = "examples"  # the dataset's name in shard file names


@dataclass(frozen=True, kw_only=True)
class Examples:
    """A dataset at rest.

    `counts` gives images per class for each split, in the order of `spec.class_names`.
    """

    path: Path
    spec: ImageSpec
    counts: dict[str, tuple[int, ...]]

    def num_examples(self, split: str) -> int:
        return sum(self.counts.get(split, ()))

    def shards(self, split: str) -> list[Path]:
        """The split's TFRecord files in order; empty where the split has none."""
        return sorted(self.path.glob(f"{DATASET}-{split}.tfrecord-*-of-*"))
