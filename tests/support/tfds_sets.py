"""Datasets of TensorFlow Datasets made by code: photographs, a download, files by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import image_files
import numpy as np
import tensorflow_datasets as tfds

CLASSES = ("cat", "dog", "über fox")
SPLITS = {"train": 20, "valid": 6, "extra": 4}  # own name → images


def photo(split: str, index: int) -> bytes:
    """A JPEG or PNG file, each of another size than the one before it."""
    seed = 100 * len(split) + index
    pixels = image_files.noise(8 + index % 5, 7 + index % 3, 3, seed)
    return image_files.to_file(pixels, "JPEG" if index % 2 else "PNG")


def write_photos(folder: Path) -> Path:
    """Write `photo`s to folders `<split>/<class>`, as image_folder reads them."""
    for split, count in SPLITS.items():
        for index in range(count):
            place = folder / split / CLASSES[index % 3]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{index:02d}.{'jpg' if index % 2 else 'png'}").write_bytes(
                photo(split, index)
            )
    return folder


class Photos(tfds.core.GeneratorBasedBuilder):
    """`photo`s with a class, its name as text, its number from 1, and a mask."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path: ClassVar[Any] = Path(__file__).parent  # of checksums; there are none

    def _info(self) -> Any:
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.ClassLabel(names=list(CLASSES)),
                "name": tfds.features.Text(),
                "number": tfds.features.Scalar(np.int32),
                "mask": tfds.features.LabeledImage(labels=2, shape=(None, None, 1)),
            }
        )
        return tfds.core.DatasetInfo(
            builder=self, features=features, supervised_keys=("image", "label")
        )

    def _split_generators(self, dl_manager: Any) -> Any:
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[Any]:
        for index in range(SPLITS[split]):
            yield (
                index,
                {
                    "image": photo(split, index),
                    "label": -1 if (split, index) == ("extra", 3) else index % 3,
                    "name": CLASSES[index % 3],
                    "number": index % 3 + 1,
                    "mask": np.zeros((4, 4, 1), np.uint8),
                },
            )


class Nowhere(Photos):
    """A dataset whose file cannot be downloaded."""

    VERSION = tfds.core.Version("1.0.0")
    URL = "http://127.0.0.1:1/nothing.zip"

    def _split_generators(self, dl_manager: Any) -> Any:
        dl_manager.download(self.URL)
        return super()._split_generators(dl_manager)


class ByHand(Photos):
    """A dataset whose file a person must download."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Sign the form at\n  example.org, then fetch photos.zip"

    def _split_generators(self, dl_manager: Any) -> Any:
        assert dl_manager.manual_dir
        return super()._split_generators(dl_manager)


def prepare(data_dir: Path) -> Path:
    """Prepare `Photos` in a folder; return the folder of its version."""
    builder = Photos(data_dir=data_dir)
    builder.download_and_prepare()
    return Path(builder.data_dir)
