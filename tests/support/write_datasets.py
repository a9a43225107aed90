"""Write Parquet with the library datasets, in its own environment: `python write_datasets.py JOB`.

JOB is a JSON file: "folder" to write to, "names" of the classes, and "splits": name of the split →
[path of an image, label] each; "embed", whether the files hold the images. Each split is written
to three files, data/SPLIT-00000-of-00003.parquet and so on, as `push_to_hub` names them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, DatasetDict, Features, Image
from datasets.table import embed_table_storage

_SHARDS = 3


def write(job: dict[str, Any]) -> None:
    features = Features({"image": Image(), "label": ClassLabel(names=job["names"])})
    splits = DatasetDict(
        {
            split: Dataset.from_dict(
                {"image": [path for path, _ in rows], "label": [label for _, label in rows]},
                features=features,
            )
            for split, rows in job["splits"].items()
        }
    )
    folder = Path(job["folder"]) / "data"
    folder.mkdir(parents=True)
    for split, dataset in splits.items():
        for index in range(_SHARDS):
            shard = dataset.shard(_SHARDS, index, contiguous=True)
            if job["embed"]:  # as push_to_hub does
                shard = shard.with_format("arrow").map(embed_table_storage, batched=True)
            shard.to_parquet(str(folder / f"{split}-{index:05d}-of-{_SHARDS:05d}.parquet"))


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text()))
