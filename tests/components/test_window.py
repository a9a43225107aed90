from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import idx_files
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from components import ingest, window
from components.artifacts import Examples
from components.context import Context
from components.evaluate.provenance import describe_spans, read_spans
from components.window import SpanLeftOut, SpanTaken
from data.batches.sequential import read_batches
from data.errors import BadDataError, EnvironmentTrouble
from data.examples.artifact import LEFT_OUT, QUARANTINE, load_examples, shard_lengths
from data.examples.read_images import read_images

# TFDS reads its JSON files by a way that protobuf is about to end.
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")

RNG = np.random.default_rng(0)
NAMES = tuple("abcd")
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


class TrainOnly:
    """Your own source whose data has no test split; `path` holds x.npy and y.npy."""

    def __init__(self, config: Any) -> None:
        self._folder, self._names = Path(config.path), config.class_names

    def spec(self) -> Any:
        from data.spec import ImageSpec

        return ImageSpec(height=4, width=5, channels=1, class_names=self._names)

    def parts(self) -> Any:
        from data.sources import Part

        return [Part("train", 0)]

    def num_images(self) -> None:
        return None

    def read(self, part: Any) -> Any:
        from data.sources import Chunk

        yield Chunk(np.load(self._folder / "x.npy"), np.load(self._folder / "y.npy"))


def arrays(train: int, test: int, classes: int = 4) -> Arrays:
    return {
        split: (
            RNG.integers(0, 256, (images, 4, 5, 1), dtype=np.uint8),
            np.arange(images) % classes,
        )
        for split, images in (("train", train), ("test", test))
    }


@pytest.fixture(scope="module")
def three() -> dict[str, Arrays]:
    return {"s1": arrays(20, 6), "s2": arrays(9, 4), "s3": arrays(12, 5, classes=2)}


@pytest.fixture(scope="module")
def spans(three, tmp_path_factory) -> dict[str, Examples]:
    """Each span's Examples; the last lacks two classes."""
    folder, made = tmp_path_factory.mktemp("spans"), {}
    for name, splits in three.items():
        idx_files.write_idx(folder / "in" / name, splits["train"], splits["test"])
        config = ingest.Config(
            source="idx", path=str(folder / "in" / name), class_names=NAMES, span=name
        )
        made[name] = ingested(config, folder / name)
    return made


def ingested(config: ingest.Config, output: Path) -> Examples:
    output.mkdir()
    return ingest.run(ingest.Inputs(), config, Context(output_dir=output)).examples


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Examples]:
    def run(*spans: Examples, **settings: Any) -> Examples:
        taken = tuple(SpanTaken(span=f"s{place}") for place in range(1, len(spans) + 1))
        config = window.Config(pattern="/in/{SPAN}", spans=taken, **settings)
        return window.run(window.Inputs(spans=spans), config, Context(output_dir=tmp_path)).examples

    return run


def content(examples: Examples, split: str) -> tuple[np.ndarray, np.ndarray]:
    found = list(read_batches(examples, split, batch_size=1000).as_numpy_iterator())
    return tuple(map(np.concatenate, zip(*found, strict=True)))  # type: ignore[return-value]


@pytest.mark.parametrize("test", ["newest", "all"])
def test_a_window_holds_the_images_of_its_spans_the_oldest_first(spans, three, run, test) -> None:
    examples = run(*spans.values(), test=test)
    judged = list(three.values())[-1:] if test == "newest" else list(three.values())
    for split, of in (("train", three.values()), ("test", judged)):
        images, labels = content(examples, split)
        assert np.array_equal(images, np.concatenate([a[split][0] for a in of]))
        assert np.array_equal(labels, np.concatenate([a[split][1] for a in of]))
        assert examples.counts[split] == tuple(np.bincount(labels, minlength=4))
        assert sum(shard_lengths(examples, split)) == len(labels)
    assert load_examples(examples.path) == examples
    last = examples.num_examples("train") - 1
    assert np.array_equal(read_images(examples, "train", [last]).images[0], images_at(three, -1))


def images_at(three: dict[str, Arrays], place: int) -> np.ndarray:
    return np.concatenate([splits["train"][0] for splits in three.values()])[place]


def test_tensorflow_datasets_reads_a_window_with_the_span_of_each_image(spans, three, run) -> None:
    builder = tfds.builder_from_directory(str(run(*spans.values()).path))
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    dataset = builder.as_dataset(split="train", shuffle_files=False, read_config=in_order)
    read = list(dataset.as_numpy_iterator())
    expected = [name for name, splits in three.items() for _ in splits["train"][1]]
    assert [example["span"].decode() for example in read] == expected
    assert builder.info.splits["test"].num_examples == 5
    assert builder.info.features["label"].names == list(NAMES)


def test_shards_are_links_and_the_spans_do_not_change(spans, run) -> None:
    before = {file: file.read_bytes() for e in spans.values() for file in e.path.iterdir()}
    examples = run(*spans.values())
    linked = [shard for e in spans.values() for shard in e.shards("train")]
    pairs = zip(examples.shards("train"), linked, strict=True)
    assert all(os.path.samefile(*pair) for pair in pairs)
    assert {file: file.read_bytes() for file in before} == before


def test_where_there_are_no_links_shards_are_copied(spans, run, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    examples = run(*spans.values())
    first, source = examples.shards("train")[0], spans["s1"].shards("train")[0]
    assert not os.path.samefile(first, source)
    assert first.read_bytes() == source.read_bytes()


def test_a_full_disk_is_trouble(spans, run, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(EnvironmentTrouble, match="cannot be linked"):
        run(*spans.values())


def test_a_span_without_a_test_split_leaves_the_judging_to_the_one_before(
    spans, three, tmp_path, run
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    np.save(folder / "x.npy", three["s1"]["train"][0])
    np.save(folder / "y.npy", three["s1"]["train"][1])
    source = ingest.Config(
        source=f"{__name__}:TrainOnly", path=str(folder), class_names=NAMES, span="s4"
    )
    with pytest.raises(BadDataError, match="'test' is empty"):
        ingested(dataclasses.replace(source, span=None), tmp_path / "alone")
    alone = ingested(source, tmp_path / "s4")
    assert alone.counts == {"train": (5, 5, 5, 5)}
    both = run(spans["s3"], alone)
    assert both.counts == {"train": (11, 11, 5, 5), "test": (3, 2, 0, 0)}
    shutil.rmtree(both.path)
    with pytest.raises(
        BadDataError, match="no span of the window has an image in the split 'test'"
    ):
        run(alone)


def test_spans_of_other_images_are_named(spans, three, tmp_path, run) -> None:
    folder = idx_files.write_idx(tmp_path / "in", three["s3"]["train"], three["s3"]["test"])
    other = ingested(ingest.Config(source="idx", path=str(folder), span="s2"), tmp_path / "out")
    with pytest.raises(
        BadDataError, match="s2 has another image size or other classes than the span s1"
    ):
        run(spans["s1"], other)
    config = window.Config(pattern="/{SPAN}", spans=(SpanTaken(span="s1"), SpanTaken(span="s2")))
    with pytest.raises(BadDataError, match="s2 has another image size"):
        window.check_inputs(config, {"spans": (spans["s1"], other)})
    window.check_inputs(config, {})


def test_what_was_left_out_stands_beside_the_examples_and_in_words(spans, run) -> None:
    out = SpanLeftOut(span="s2", version=3, state="excluded", why="by ana: labels shuffled")
    described = read_spans(run(spans["s1"], left_out=(out,)))
    assert described is not None
    assert describe_spans(described) == (
        "spans s1",
        "left out: s2 v3 (excluded, by ana: labels shuffled)",
    )
    assert read_spans(spans["s1"]) is None


def test_a_window_of_raw_and_encoded_spans_is_read_record_by_record(spans, three, run) -> None:
    files = dataclasses.replace(spans["s1"], store="encoded", features=("camera",))
    pixels = dataclasses.replace(spans["s2"], features=("camera",))
    examples = run(files, pixels)
    assert (examples.store, examples.features) == ("encoded", ("camera",))
    assert "spans in both stores" in examples.summary
    assert load_examples(examples.path) == examples
    wanted = np.concatenate([three[name]["train"][0] for name in ("s1", "s2")])
    images, _ = read_images(examples, "train", range(29))  # none of these records has a format
    np.testing.assert_array_equal(np.sort(images, axis=0), np.sort(wanted, axis=0))


def test_the_bad_files_of_all_spans_are_in_one_list(spans, run, tmp_path) -> None:
    several = []
    for name in ("s1", "s2"):
        copy = shutil.copytree(spans[name].path, tmp_path / "bad" / name)
        (copy / QUARANTINE).write_text(f"file,label,problem\n{name}.jpg,a,empty\n")
        several.append(dataclasses.replace(spans[name], path=copy, quarantined=1))
    examples = run(*several, spans["s1"])
    assert examples.quarantined == 2
    lines = (examples.path / QUARANTINE).read_text().splitlines()
    assert lines == ["file,label,problem", "s1.jpg,a,empty", "s2.jpg,a,empty"]
    assert not (examples.path / LEFT_OUT).exists()


def test_without_a_span_the_examples_are_as_they_were(three, tmp_path) -> None:
    folder = idx_files.write_idx(tmp_path / "in", three["s1"]["train"], three["s1"]["test"])
    plain = ingested(ingest.Config(source="idx", path=str(folder)), tmp_path / "out")
    (shard,) = plain.shards("train")
    for record in tf.data.TFRecordDataset(str(shard)).as_numpy_iterator():
        assert set(tf.train.Example.FromString(record).features.feature) == {"image", "label"}
    assert set(tfds.builder_from_directory(str(plain.path)).info.features) == {"image", "label"}
