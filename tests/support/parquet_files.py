"""Write Parquet files in Hugging Face's layout with pyarrow."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def describe(names: Sequence[str], column: str = "label") -> dict[str, Any]:
    """Return the features that `datasets` would write for an image and a class label."""
    return {
        "image": {"_type": "Image"},
        column: {"names": list(names), "_type": "ClassLabel"},
    }


def make_table(
    contents: Sequence[bytes | None],
    labels: Sequence[Any],
    names: Sequence[str] | None = None,
    *,
    paths: Sequence[str | None] | None = None,
    more: Mapping[str, Any] | None = None,
    features: Any = None,
) -> pa.Table:
    """Make a table of images and labels; integers are of int64, as `datasets` has them."""
    given = paths or [f"{index}.png" for index in range(len(contents))]
    cells = [
        {"bytes": content, "path": path} for content, path in zip(contents, given, strict=True)
    ]
    columns = {"image": pa.array(cells, IMAGE), "label": pa.array(labels), **(more or {})}
    table = pa.table(columns)
    features = describe(names) if features is None and names is not None else features
    if features is None:
        return table
    text = features if isinstance(features, str) else json.dumps({"info": {"features": features}})
    return table.replace_schema_metadata({"huggingface": text})


def write(path: Path, table: pa.Table, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def write_folder(
    folder: Path, splits: Mapping[str, tuple[np.ndarray, np.ndarray]], names: Sequence[str]
) -> Path:
    """Write images of one channel as PNG, two files for each split."""
    for split, (images, labels) in splits.items():
        contents = [_to_png(image[..., 0]) for image in images]
        half = len(contents) // 2
        for index, rows in enumerate((slice(half), slice(half, None))):
            table = make_table(contents[rows], labels[rows].astype("int64"), names)
            name = f"data/{split}-{index:05d}-of-00002.parquet"
            write(folder / name, table, row_group_size=100)
    return folder


def _to_png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
