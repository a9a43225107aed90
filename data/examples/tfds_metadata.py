"""Write the metadata files of TensorFlow Datasets: `dataset_info.json`, `features.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from data.examples.artifact import DATASET
from data.spec import IMAGE, LABEL, SPAN, ImageSpec


class ShardFacts(NamedTuple):
    """The metadata of a shard."""

    images: int
    size: int  # bytes


def write_metadata(
    path: Path, spec: ImageSpec, shards: Mapping[str, Sequence[ShardFacts]], *, with_span: bool
) -> None:
    """Write the metadata files of a folder, without importing TensorFlow.

    Args:
        path: the folder with the shards.
        spec: of the images.
        shards: of each split, in their order.
        with_span: whether the examples have the feature `span`.
    """
    import numpy as np
    import tensorflow_datasets as tfds

    features = tfds.features
    template = tfds.core.ShardedFileTemplate(
        data_dir=path, dataset_name=DATASET, filetype_suffix="tfrecord"
    )
    image = features.Tensor(shape=spec.shape, dtype=np.uint8, encoding=features.Encoding.BYTES)
    described = {IMAGE: image, LABEL: features.ClassLabel(names=spec.class_names)}
    tfds.folder_dataset.write_metadata(
        data_dir=path,
        features=features.FeaturesDict(
            {**described, SPAN: features.Text()} if with_span else described
        ),
        split_infos=[
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[shard.images for shard in group],
                num_bytes=sum(shard.size for shard in group),
                filename_template=template.replace(split=split),
            )
            for split, group in shards.items()
        ],
        filename_template=template,
        check_data=False,  # it would import TensorFlow, for one example
        supervised_keys=(IMAGE, LABEL),
    )
