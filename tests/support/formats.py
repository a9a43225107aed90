"""Write labelled images in every format that a source reads, each by the format's own library."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cifar_files
import idx_files
import numpy as np
import pandas as pd
import parquet_files
import tfrecord_files
from PIL import Image

Splits = Mapping[str, tuple[np.ndarray, np.ndarray]]  # (n, height, width, channels) uint8, (n,)
Settings = dict[str, Any]  # of Ingest


def encode(image: np.ndarray | bytes) -> bytes:
    """Encode (height, width, 1 or 3) uint8 as PNG; bytes are encoded already."""
    if isinstance(image, bytes):
        return image
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG")
    return file.getvalue()


def write_image_folder(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    """The content says that these are PNG, whatever the name."""
    for split, (images, labels) in splits.items():
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            file = folder / split / names[label] / f"{index:05}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode(image))
    return {"source": "image_folder", "path": str(folder)}


def write_table(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    write_image_folder(folder, splits, names)
    files = sorted(folder.rglob("*.jpg"))
    rows = [
        {"path": str(f.relative_to(folder)), "label": f.parent.name, "split": f.parts[-3]}
        for f in files
    ]
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)
    return {"source": "table", "path": str(folder / "labels.csv")}


def write_parquet(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    for split, (images, labels) in splits.items():
        table = parquet_files.make_table([*map(encode, images)], labels.astype(np.int64), names)
        parquet_files.write(folder / f"{split}-00000-of-00001.parquet", table, row_group_size=50)
    return {"source": "parquet", "path": str(folder)}


def write_encoded_tfrecord(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    for split, (images, labels) in splits.items():
        records = [
            {"image/encoded": encode(image), "image/class/label": int(label)}
            for image, label in zip(images, labels, strict=True)
        ]
        tfrecord_files.write_tfrecord(folder / f"{split}.tfrecord", records)
    return {"source": "tfrecord", "path": str(folder)}


def write_raw_tfrecord(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    for split, (images, labels) in splits.items():
        records = tfrecord_files.make_pixels(images, map(int, labels))
        tfrecord_files.write_tfrecord(folder / f"{split}.tfrecord", records, "GZIP")
    shape = next(iter(splits.values()))[0].shape[1:]
    return {"source": "tfrecord", "path": str(folder), "shape": shape}


def write_idx(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    idx_files.write_idx(folder, splits["train"], splits["test"])
    return {"source": "idx", "path": str(folder)}


def write_emnist(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    """IDX as EMNIST's letters: transposed, labels from 1."""
    swapped = {s: (images.swapaxes(1, 2), labels + 1) for s, (images, labels) in splits.items()}
    for file in [*idx_files.write_idx(folder, swapped["train"], swapped["test"]).iterdir()]:
        file.rename(folder / f"emnist-letters-{file.name.replace('t10k', 'test')}")
    return {"source": "idx", "path": str(folder), "first_label": 1}


def write_npz(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    np.savez_compressed(folder / "a.npz", **_name_arrays(splits))
    return {"source": "npz", "path": str(folder / "a.npz")}


def write_channels_first(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    moved = {s: (np.moveaxis(images, 3, 1), labels) for s, (images, labels) in splits.items()}
    np.savez(folder / "a.npz", **_name_arrays(moved))
    return {"source": "npz", "path": str(folder / "a.npz"), "axes": "CHW"}


def write_pixels_csv(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    """CSV as Kaggle's MNIST: by pandas, a label and a column for each pixel."""
    for split, (images, labels) in splits.items():
        pixels = pd.DataFrame(images.reshape(len(images), -1)).add_prefix("pixel")
        pixels.insert(0, "label", labels)
        pixels.to_csv(folder / f"{split}.csv.gz", index=False)
    shape = next(iter(splits.values()))[0].shape[1:]
    return {"source": "pixels_csv", "path": str(folder), "shape": shape}


def write_cifar(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    cifar_files.write_cifar_10(folder, splits["train"], splits["test"])
    return {"source": "cifar_binary", "path": str(folder)}


def write_tfds(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    """By the library; files are stored as they are, and their size is left open."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    first = next(iter(splits.values()))[0]
    shape = (None, None, 3) if first.dtype == object else first.shape[1:]
    features = {
        "image": tfds.features.Image(shape=shape),
        "label": tfds.features.ClassLabel(names=list(names)),
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name="mine",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            split: tf.data.Dataset.from_tensor_slices(
                {"image": images.tolist() if images.dtype == object else images, "label": labels}
            )
            for split, (images, labels) in splits.items()
        },
        data_dir=str(folder),
    )
    return {"source": "tfds_dir", "path": str(folder / "mine" / "1.0.0")}


def write_tfds_by_name(folder: Path, splits: Splits, names: Sequence[str]) -> Settings:
    write_tfds(folder, splits, names)
    return {"source": "tfds", "name": "mine", "data_dir": str(folder)}


def _name_arrays(splits: Splits) -> dict[str, np.ndarray]:
    return {f"{a}_{s}": both[i] for s, both in splits.items() for i, a in enumerate("xy")}


Writer = Callable[[Path, Splits, Sequence[str]], Settings]
# a name → who writes it; the folder exists and is empty
WRITERS: dict[str, Writer] = {
    "npz": write_npz,
    "npz, channels first": write_channels_first,
    "idx": write_idx,
    "idx, as EMNIST": write_emnist,
    "cifar_binary": write_cifar,
    "pixels_csv": write_pixels_csv,
    "image_folder": write_image_folder,
    "table": write_table,
    "parquet": write_parquet,
    "tfrecord, encoded": write_encoded_tfrecord,
    "tfrecord, raw": write_raw_tfrecord,
    "tfds_dir": write_tfds,
    "tfds": write_tfds_by_name,
}


def list_formats(shape: tuple[int, ...]) -> list[str]:
    """List the formats that can hold images of a shape (height, width, channels)."""
    unfit = {"npz, channels first"} if shape[2] == 1 else {"idx", "idx, as EMNIST"}
    if shape != (32, 32, 3):
        unfit.add("cifar_binary")
    return [name for name in WRITERS if name not in unfit]


# hold image files as they are
OF_FILES = ["image_folder", "table", "parquet", "tfrecord, encoded", "tfds_dir", "tfds"]
