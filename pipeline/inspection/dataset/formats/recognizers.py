"""Recognize the format of files: one small function for each source."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from typing import NamedTuple

from data.files.tfrecord_frames import FRAME_BYTES, masked_crc
from data.sources.image_files.tables import formats
from data.sources.image_files.tables.columns import USUAL_NAMES
from pipeline.inspection.dataset.formats.place import Place, ends

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz")
_CIFAR = re.compile(r"(data_batch_[0-9]+|test_batch|train|test)\.bin")
_IDX_NAME = re.compile(r"-ubyte|-int(\.|$)|[-.]idx[0-9]")
_IDX_MAGIC = re.compile(rb"\0\0[\x08\x09\x0b-\x0e][\x01-\x04]")
_TFDS = {"dataset_info.json", "features.json"}
_MOST_LOOKED = 8  # files without a telling name whose first bytes are read
_LEAST_COLUMNS = 5  # of pixels and their label; a table of paths has a column of words


class Recognizer(NamedTuple):
    """How one source's data is recognized."""

    source: str
    reads: str  # what it reads, for messages
    find: Callable[[Place], str | None]  # the source's `ingest.path`; None: it is not such data
    below: bool = False  # whether data in a folder of the place counts as well


def find_tfds_dir(place: Place) -> str | None:
    """A folder that TensorFlow Datasets prepared."""
    return place.get_folder() if set(place.files) >= _TFDS else None


def find_cifar_binary(place: Place) -> str | None:
    """CIFAR's binary version, by the names of its files."""
    return place.get_folder() if any(map(_CIFAR.fullmatch, place.files)) else None


def find_idx(place: Place) -> str | None:
    """IDX files, by their names or their first bytes."""
    named = any(map(_IDX_NAME.search, place.files))
    return place.get_folder() if named or _any_head(place, _IDX_MAGIC.match) else None


def find_npz(place: Place) -> str | None:
    """One .npz file, or a folder of several."""
    names = [name for name in place.files if ends(name, (".npz",))]
    tables = any(ends(name, formats.ENDINGS) for name in place.files)
    if not names or (not place.is_file and (tables or place.has_class_folders)):
        return None
    return place.join(names[0]) if len(names) == 1 else place.path


def find_tfrecord(place: Place) -> str | None:
    """TFRecords, by their names or the checksum in their first bytes."""
    named = any(re.search(r"\.tfrec(ord)?s?([-.]|$)", name.lower()) for name in place.files)
    return place.path if named or _any_head(place, _is_record) else None


def find_parquet(place: Place) -> str | None:
    """Parquet files whose rows hold the images themselves."""
    names = [name for name in place.files if ends(name, _PARQUET)]
    if not names or place.has_class_folders or not _has_images(place, names[0]):
        return None
    return place.path


def find_pixels_csv(place: Place) -> str | None:
    """CSV files with a column for each pixel: one, or a folder of several."""
    names = [name for name in place.files if ends(name, _CSV)]
    if not names or place.has_class_folders or not _has_pixels(place.read_head(names[0])):
        return None
    return place.join(names[0]) if len(names) == 1 else place.path


def find_table(place: Place) -> str | None:
    """A table of paths: chosen if the images beside it do not lie in folders of classes."""
    names = [name for name in place.files if ends(name, formats.ENDINGS)]
    return None if not names or place.has_class_folders else place.join(names[0])


def find_image_folder(place: Place) -> str | None:
    """Folders, whatever they hold."""
    return place.path if place.folders else None


# In this order; the last takes any folder of folders.
RECOGNIZERS = (
    Recognizer("tfds_dir", "a folder of TensorFlow Datasets", find_tfds_dir, below=True),
    Recognizer("cifar_binary", "CIFAR's binary version", find_cifar_binary, below=True),
    Recognizer("idx", "IDX files", find_idx, below=True),
    Recognizer("npz", "an .npz file", find_npz),
    Recognizer("tfrecord", "TFRecords of tf.Examples", find_tfrecord, below=True),
    Recognizer("parquet", "Parquet files with images", find_parquet, below=True),
    Recognizer("pixels_csv", "a CSV file of pixels", find_pixels_csv),
    Recognizer("table", "a table of paths and labels", find_table),
    Recognizer("image_folder", "a folder for each class with its images", find_image_folder),
)


def _any_head(place: Place, test: Callable[[bytes], object]) -> bool:
    """Return whether a file without a telling ending begins as the test wants it."""
    unnamed = [name for name in place.files if "." not in name.removesuffix(".gz")]
    return any(test(place.read_head(name)) for name in unnamed[:_MOST_LOOKED])


def _is_record(head: bytes) -> bool:
    """Return whether bytes begin with the length of a record and its checksum."""
    return len(head) > FRAME_BYTES and any(head[:8]) and head[8:12] == masked_crc(head[:8])


def _has_images(place: Place, name: str) -> bool:
    """Return whether a Parquet file has bytes, in a column or beside a path. Damaged ones have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.open(name) as file:
            schema = pq.read_schema(file)
    except (pa.ArrowException, OSError, ValueError):
        return True
    columns = [column.type for column in schema]
    columns += [field.type for kind in columns if pa.types.is_struct(kind) for field in kind]
    return any(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) for kind in columns)


def _has_pixels(head: bytes) -> bool:
    """Return whether a CSV file has a column for each pixel: names, and then numbers alone."""
    lines = head.decode("utf-8-sig", errors="replace").splitlines()[:2]
    if len(lines) < 2:
        return False
    header, row = csv.reader(lines)
    paths = {name.strip().lower() for name in header} & {*USUAL_NAMES["path"]}
    numbers = sum(bool(re.fullmatch(r"\s*[0-9]{1,3}(\.0*)?\s*", cell)) for cell in row)
    return not paths and len(row) >= _LEAST_COLUMNS and numbers >= len(row) - 1
