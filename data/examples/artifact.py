"""Define the Examples artifact: TFRecord shards of uint8 tf.Examples, with counts and spec.

Files on disk, which `tfds.builder_from_directory` and TFX tools can read:

    examples-train.tfrecord-00000-of-00002 …    tf.Example: image = raw pixel bytes, label = int64
    dataset_info.json  features.json            TensorFlow Datasets' own description
    examples.json                               Penstock's: spec, counts per split and class
    quarantine.csv  left_out.csv                files that are not among the examples, and why
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from data.errors import BadDataError
from data.files.documents import read_document, write_document
from data.files.durable_files import read_json
from data.spec import ImageSpec

DATASET = "examples"  # the dataset's name in shard file names
DESCRIPTION = "examples.json"
QUARANTINE = "quarantine.csv"
LEFT_OUT = "left_out.csv"
Store = Literal["raw", "encoded"]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """A dataset on disk.

    `counts` gives images per class for each split, in the order of `spec.class_names`. `store` says
    whether the feature `image` is pixels after the geometry (raw) or the file's own bytes
    (encoded). `features` names further features, one string each, such as columns of a table.
    `quarantined` and `left_out` count the files that are not among the examples: bad ones, and ones
    that are no images of the dataset. `note` is what else a person should know.
    """

    path: Path
    spec: ImageSpec
    counts: dict[str, tuple[int, ...]]
    store: Store = "raw"
    features: tuple[str, ...] = ()
    quarantined: int = 0
    left_out: int = 0
    note: str = ""

    @property
    def summary(self) -> str:
        """Counts per split, number of classes and image shape, in one line."""
        splits = ", ".join(f"{sum(c):,} {split}" for split, c in self.counts.items())
        shape = " x ".join(map(str, self.spec.shape))
        facts = [splits, f"{self.spec.num_classes} classes, {shape}", self.note]
        if self.quarantined:
            facts.append(f"{self.quarantined:,} bad, see {QUARANTINE}")
        if self.left_out:
            facts.append(f"{self.left_out:,} left out, see {LEFT_OUT}")
        return "; ".join(filter(None, facts))

    def num_examples(self, split: str) -> int:
        """Return the number of images in a split; 0 for an unknown one."""
        return sum(self.counts.get(split, ()))

    def shards(self, split: str) -> list[Path]:
        """Return the split's TFRecord files in order; empty for an unknown split."""
        return sorted(self.path.glob(f"{DATASET}-{split}.tfrecord-*-of-*"))


def shard_name(split: str, index: int, total: int) -> str:
    """Return a shard's file name in the form of TensorFlow Datasets."""
    return f"{DATASET}-{split}.tfrecord-{index:05d}-of-{total:05d}"


def shard_lengths(examples: Examples, split: str) -> list[int]:
    """Return the number of images in each shard of a split, from `dataset_info.json`.

    Raises:
        BadDataError: the file is missing, or does not match the shards.
    """
    described = read_json(examples.path / "dataset_info.json")
    try:
        of_split = next(s for s in described["splits"] if s["name"] == split)
        lengths = [int(length) for length in of_split["shardLengths"]]
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise BadDataError(
            f"{examples.path / 'dataset_info.json'} does not describe the split {split!r}",
            got=error,
            remedy="ingest again",
        ) from error
    shards = examples.shards(split)
    if len(lengths) != len(shards) or sum(lengths) != examples.num_examples(split):
        raise BadDataError(
            f"the shards of {split!r} in {examples.path} do not match its dataset_info.json",
            expected=f"{len(lengths)} shards with {sum(lengths):,} images",
            got=f"{len(shards)} shards; {examples.num_examples(split):,} images",
            remedy="ingest again",
        )
    return lengths


def write_description(examples: Examples, source: dict[str, Any]) -> None:
    """Write `examples.json`; `source` describes the origin of the images, JSON-able."""
    write_document(
        examples.path / DESCRIPTION,
        {
            "spec": asdict(examples.spec),
            "counts": examples.counts,
            "store": examples.store,
            "features": examples.features,
            "quarantined": examples.quarantined,
            "left_out": examples.left_out,
            "note": examples.note,
            "source": source,
        },
    )


def load_examples(path: Path) -> Examples:
    """Load the examples in a folder from their `examples.json`.

    Raises:
        BadDataError: the file is missing or invalid, or shards that it names are missing.
        EnvironmentTrouble: it cannot be read.
    """
    content = read_document(path / DESCRIPTION)
    try:
        spec = ImageSpec.from_json(content["spec"])
        counts = {split: tuple(map(int, images)) for split, images in content["counts"].items()}
        store, features = content["store"], tuple(map(str, content["features"]))
        if store not in get_args(Store):
            raise ValueError(f"store {store!r}")
        rest = {key: content[key] for key in ("quarantined", "left_out", "note")}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadDataError(
            f"{path / DESCRIPTION} is invalid",
            expected="spec and counts of Examples",
            got=error,
            remedy="ingest again",
        ) from error
    examples = Examples(path=path, spec=spec, counts=counts, store=store, features=features, **rest)
    missing = [split for split in counts if not examples.shards(split)]
    if missing:
        raise BadDataError(
            f"shards named in {path / DESCRIPTION} are missing",
            expected=f"{DATASET}-{missing[0]}.tfrecord-…",
            got="none",
            remedy="ingest again",
        )
    return examples
