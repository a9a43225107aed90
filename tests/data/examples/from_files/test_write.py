from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import own_files
import pytest
from hypothesis import strategies
from PIL import Image

from data.errors import BadDataError, deserialize_error
from data.examples.from_files.outcome import Outcome, WrittenPortion
from data.examples.from_files.portions import Portion, group_parts
from data.examples.from_files.write import FileRules, WritePortion
from data.examples.splits import SplitShares
from data.examples.write import Shard
from data.files.tfrecord_frames import FRAME_BYTES
from data.sources import SourceConfig
from data.spec import ImageSpec

NAMES = ("cat", "dog")
SPEC = ImageSpec(height=6, width=5, channels=3, class_names=NAMES)
IMAGES = np.random.default_rng(0).integers(0, 256, (40, *SPEC.shape), dtype=np.uint8)


def encode_png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty good files, an empty one, a truncated one, and text."""
    folder = tmp_path_factory.mktemp("files")
    for index, image in enumerate(IMAGES):
        (folder / f"{index}.png").write_bytes(encode_png(image))
    (folder / "empty.png").touch()
    (folder / "cut.png").write_bytes(encode_png(IMAGES[0])[:60])
    (folder / "text.png").write_text("no image")
    return folder


BAD = ("empty.png", "cut.png", "text.png", "missing.png")


def list_good(**more: Any) -> list[dict[str, Any]]:
    return [{"name": f"{i}.png", "label": NAMES[i % 2], **more} for i in range(len(IMAGES))]


def write(
    folder: Path, rows: list[dict[str, Any]], out: Path, options: dict | None = None, **rules: Any
) -> Outcome:
    """Write all portions of a list as Beam would."""
    own_files.write_list(folder, rows)
    source = own_files.Listed(SourceConfig(path=str(folder), options=options or {}))
    rules = {"spec": SPEC, "store": "raw", "shares": SplitShares(), **rules}
    portions = [Portion(part.index, (part,)) for part in source.list_parts()]
    made = []
    for portion in portions:
        (written,) = WritePortion(source, FileRules(**rules), str(out)).process(portion)
        written["shards"] = [Shard(**shard) for shard in written["shards"]]
        made.append(WrittenPortion(**written))
    return Outcome(tuple(made), out)


def read(outcome: Outcome) -> dict[str, list[dict[str, Any]]]:
    """Read the shards of an outcome by TensorFlow: split → examples."""
    import tensorflow as tf

    examples: dict[str, list] = {}
    for shard in outcome.shards:
        content = (outcome.folder / shard.file).read_bytes()
        assert len(content) == shard.size
        of_shard = []
        while content:
            length = int.from_bytes(content[:8], "little")
            message = tf.train.Example.FromString(content[12 : 12 + length])
            of_shard.append(
                {
                    name: (feature.bytes_list.value or feature.int64_list.value)[0]
                    for name, feature in message.features.feature.items()
                }
            )
            content = content[length + FRAME_BYTES :]
        assert Counter(e["label"] for e in of_shard) == Counter(
            {label: count for label, count in enumerate(shard.counts) if count}
        )
        examples.setdefault(shard.split, []).extend(of_shard)
    return examples


def test_raw_records_hold_the_pixels_in_the_order_of_the_listing(folder, tmp_path) -> None:
    examples = read(write(folder, list_good(), tmp_path, {"files": 7}))
    assert list(examples) == ["train"]
    assert examples["train"] == [
        {"image": image.tobytes(), "label": index % 2} for index, image in enumerate(IMAGES)
    ]


def test_encoded_records_hold_the_files_own_bytes(folder, tmp_path) -> None:
    rows = list_good(features={"camera": "Leica — ü"})
    examples = read(
        write(folder, rows, tmp_path, store="encoded", features=("camera",), span="day 1")
    )
    for index, example in enumerate(examples["train"]):
        assert example == {
            "image": (folder / f"{index}.png").read_bytes(),
            "format": b"png",
            "height": 6,
            "width": 5,
            "label": index % 2,
            "camera": "Leica — ü".encode(),
            "span": b"day 1",
        }


def test_both_stores_split_alike_and_in_the_same_shards(folder, tmp_path) -> None:
    shares = SplitShares(test=0.3, validation=0.3)
    rows = list_good()
    outcomes = []
    for store in ("raw", "encoded"):
        (tmp_path / store).mkdir()
        outcomes.append(
            write(folder, rows, tmp_path / store, {"files": 15}, store=store, shares=shares)
        )
    raw, encoded = outcomes
    assert [(s.split, s.part, s.counts) for s in raw.shards] == [
        (s.split, s.part, s.counts) for s in encoded.shards
    ]
    pixels, files = read(raw), read(encoded)
    assert pixels.keys() == files.keys() == {"train", "test", "validation"}
    for split, examples in pixels.items():
        for example, file in zip(examples, files[split], strict=True):
            decoded = np.asarray(Image.open(io.BytesIO(file["image"])))
            assert decoded.tobytes() == example["image"]


@hypothesis.settings(max_examples=12)
@hypothesis.given(
    strategies.lists(
        strategies.tuples(
            strategies.sampled_from((*map(str, range(40)), *BAD, "problem")),
            strategies.sampled_from((None, "train", "validation", "test")),
            strategies.sampled_from(NAMES),
        ),
        max_size=25,
    ),
    strategies.integers(1, 9),
    strategies.sampled_from(("raw", "encoded")),
)
def test_every_file_is_written_or_bad(folder, tmp_path_factory, files, step, store) -> None:
    rows = [
        {
            "name": f"{name}.png" if name.isdigit() or name == "problem" else name,
            "label": label,
            "split": split,
            "problem": "it may not be read" if name == "problem" else None,
        }
        for name, split, label in files
    ]
    out = tmp_path_factory.mktemp("out")
    outcome = write(
        folder,
        rows,
        out,
        {"files": step},
        store=store,
        keep_going=True,
        shares=SplitShares(test=0.4),
    )
    outcome.check(len(rows), 0.999999) if outcome.bad < len(rows) else None
    bad = [row["name"] for row in rows if not row["name"].removesuffix(".png").isdigit()]
    assert [found.name for found in outcome.bad_files()] == bad
    assert outcome.read == len(rows)
    assert outcome.bad == len(bad)
    good = [row for row in rows if row["name"].removesuffix(".png").isdigit()]
    given = Counter(row["split"] or "none" for row in good)
    assert +outcome.given == given
    examples = read(outcome)
    assert sum(map(len, examples.values())) == len(good)
    labels = Counter(example["label"] for of_split in examples.values() for example in of_split)
    assert labels == Counter(NAMES.index(row["label"]) for row in good)


@pytest.mark.parametrize("bad", BAD)
def test_the_first_bad_file_ends_it(folder, tmp_path, bad: str) -> None:
    rows = [*list_good()[:3], {"name": bad, "label": "cat"}]
    error = fail(folder, rows, tmp_path)
    assert error.what == f"{bad} cannot be used"
    assert error.got
    assert "ingest.max_bad_share" in str(error.remedy)


def fail(folder: Path, rows: list, out: Path, options: dict | None = None, **rules: Any) -> Any:
    """Write a list that cannot be written, and return the error as it leaves a worker."""
    with pytest.raises(RuntimeError) as raised:
        write(folder, rows, out, options, **rules)
    error = deserialize_error(str(raised.value))
    assert isinstance(error, BadDataError)
    return error


@pytest.mark.parametrize(
    ("row", "rules", "words"),
    [
        ({"label": "cats"}, {}, "'cats' .* did you mean 'cat'"),
        ({"split": "val"}, {}, "unknown split: 'val'"),
        ({"features": {"lens": "50"}}, {"features": ("camera",)}, "camera.*lens"),
        ({"features": {}}, {"features": ("camera",)}, "camera.*none"),
        ({"features": {"camera": "a"}}, {}, "none.*camera"),
        ({"split": "validation"}, {"shares": SplitShares(validation=0.1)}, "second validation"),
    ],
)
def test_what_a_source_may_not_say(folder, tmp_path, row, rules, words: str) -> None:
    error = fail(folder, [{"name": "1.png", "label": "cat", **row}], tmp_path, **rules)
    assert re.search(words, str(error).replace("\n", " "))


def test_a_source_that_yields_fewer_files_than_it_listed(folder, tmp_path) -> None:
    error = fail(folder, list_good(), tmp_path, {"forget": True})
    assert "another number of files than it listed" in error.what


def test_a_group_that_two_splits_share_is_named(folder, tmp_path) -> None:
    rows = list_good(group="Ada", split="train")
    rows[17]["split"] = "test"
    outcome = write(folder, rows, tmp_path, {"files": 10})
    with pytest.raises(BadDataError, match="'Ada' is in the split test and in train"):
        outcome.check_groups()
    rows[17]["split"] = "train"
    write(folder, rows, tmp_path, {"files": 10}).check_groups()
    rows[17]["group"], rows[17]["split"] = "Bob", "test"
    write(folder, rows, tmp_path, {"files": 10}).check_groups()


def test_a_group_with_and_without_given_splits_straddles_none(folder, tmp_path) -> None:
    rows = list_good(group="Ada")
    rows[3]["split"] = "test"
    outcome = write(folder, rows, tmp_path)
    with pytest.raises(BadDataError, match="'Ada'"):
        outcome.check_groups()


def test_parts_of_a_portion_make_one_shard_for_each_split(folder, tmp_path) -> None:
    own_files.write_list(folder, list_good())
    source = own_files.Listed(SourceConfig(path=str(folder), options={"files": 7}))
    (portion,) = group_parts(source.list_parts(), SPEC.image_bytes)
    rules = FileRules(spec=SPEC, store="raw", shares=SplitShares())
    (written,) = WritePortion(source, rules, str(tmp_path)).process(portion)
    assert [shard["counts"] for shard in written["shards"]] == [[20, 20]]
