"""Write the metadata files of TensorFlow Datasets: `dataset_info.json`, `features.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from data.examples.artifact import DATASET, Store
from data.spec import FORMAT, HEIGHT, IMAGE, LABEL, SPAN, WIDTH, ImageSpec


class ShardFacts(NamedTuple):
    """The metadata of a shard."""

    images: int
    size: int  # bytes


def write_metadata(
    path: Path,
    spec: ImageSpec,
    shards: Mapping[str, Sequence[ShardFacts]],
    *,
    with_span: bool,
    store: Store = "raw",
    further: Sequence[str] = (),
) -> None:
    """Write the metadata files of a folder, without importing TensorFlow.

    Args:
        path: the folder with the shards.
        spec: of the images.
        shards: of each split, in their order.
        with_span: whether the examples have the feature `span`.
        store: of the examples.
        further: names of their further features, one string each.
    """
    import numpy as np
    import tensorflow_datasets as tfds

    features = tfds.features
    template = tfds.core.ShardedFileTemplate(
        data_dir=path, dataset_name=DATASET, filetype_suffix="tfrecord"
    )
    described = {LABEL: features.ClassLabel(names=spec.class_names)}
    if store == "raw":
        encoding = features.Encoding.BYTES
        described[IMAGE] = features.Tensor(shape=spec.shape, dtype=np.uint8, encoding=encoding)
    else:
        described[IMAGE] = features.Image(shape=(None, None, spec.channels))
        described |= {FORMAT: features.Text()}
        described |= {name: features.Scalar(dtype=np.int64) for name in (HEIGHT, WIDTH)}
    described |= {name: features.Text() for name in (*further, *([SPAN] if with_span else ()))}
    tfds.folder_dataset.write_metadata(
        data_dir=path,
        features=features.FeaturesDict(described),
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
