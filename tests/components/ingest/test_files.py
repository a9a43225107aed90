"""Ingest of image files: both stores, splits, bad files, and what is said of them."""

from __future__ import annotations

import dataclasses
import json
import resource
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import own_files
import pytest
from PIL import Image

from components import ingest
from components.artifacts import Examples
from components.context import Context
from data.batches.sequential import read_batches
from data.errors import BadDataError, EnvironmentTrouble
from data.examples.artifact import load_examples
from data.examples.tf_example import decode
from data.examples.tfrecord import read_records

# TFDS reads its JSON files by a way that protobuf is about to end.
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")

NAMES = ("cat", "dog", "über fox")
SIZES = [(12, 9), (9, 12), (30, 20), (12, 12)]  # width, height


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty PNG files of four sizes in three class folders, ten of each of six cameras."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    rows = []
    for index in range(60):
        width, height = SIZES[index % 4]
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        name = f"{NAMES[index % 3]}/{index:02d} camera{index // 10}.png"
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
        camera = f"camera{index // 10}"
        rows.append(
            {
                "name": name,
                "label": NAMES[index % 3],
                "group": camera,
                "features": {"camera": camera},
            }
        )
    return own_files.write_list(folder, rows)


LISTED: dict[str, Any] = {
    "source": "own_files:Listed",
    "height": 8,
    "width": 8,
    "fit": "stretch",
    "features": ("camera",),
    "test_share": 0.3,
    "validation_share": 0.3,
}


class Run:
    """Ingest with settings into a folder of its own; what was said meanwhile."""

    def __init__(self, make_folder: Callable[[], Path]) -> None:
        self._make_folder = make_folder
        self.warnings: list[str] = []
        self.progress: list[tuple[float, float | None, str]] = []

    def __call__(self, **settings: Any) -> Examples:
        folder = self._make_folder()
        context = Context(
            output_dir=folder,
            warn=self.warnings.append,
            progress=lambda *said: self.progress.append((*said, *(None, "")[len(said) - 1 :])),
        )
        try:
            made = ingest.run(ingest.Inputs(), ingest.Config(**settings), context).examples
        except BaseException:
            assert list(folder.iterdir()) == []  # nothing half written, whatever the error
            raise
        assert list(folder.iterdir()) == [made.path]
        assert load_examples(made.path) == made
        return made


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(lambda: tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def stores(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Examples]:
    """The same photographs in either store."""
    run = Run(lambda: tmp_path_factory.mktemp("store"))
    settings = {**LISTED, "path": str(photos)}
    return {store: run(**settings, store=store) for store in ("raw", "encoded")}


def content(examples: Examples, split: str) -> list[tuple[bytes, int]]:
    batches = read_batches(examples, split, batch_size=7).as_numpy_iterator()
    return [
        (i.tobytes(), int(n))
        for images, labels in batches
        for i, n in zip(images, labels, strict=True)
    ]


def read(examples: Examples, split: str) -> list[bytes]:
    return list(read_records(examples, split, range(examples.num_examples(split))))


def labels(examples: Examples, split: str) -> list[int]:
    records = read(examples, split)
    return [decode(record, examples.spec, examples.path).label for record in records]


def test_both_stores_have_the_same_images_in_the_same_order(stores) -> None:
    raw, encoded = stores["raw"], stores["encoded"]
    assert raw.counts == encoded.counts
    assert list(raw.counts) == ["train", "validation", "test"]
    assert (raw.spec, raw.features) == (encoded.spec, encoded.features)
    for split in raw.counts:
        assert labels(raw, split) == labels(encoded, split)
        assert len(labels(raw, split)) == raw.num_examples(split)
    assert content(raw, "test") == content(encoded, "test")  # each split is a trace of the decoder


def test_a_group_is_in_one_split(stores) -> None:
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(stores["raw"].path)
    splits = {
        split: {example["camera"].numpy() for example in builder.as_dataset(split=split)}
        for split in stores["raw"].counts
    }
    assert sum(map(len, splits.values())) == len(set.union(*splits.values())) == 6


def test_tfds_reads_the_files_as_images(stores, photos) -> None:
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(stores["encoded"].path)
    assert builder.info.features["label"].names == list(NAMES)
    wanted = Counter()
    for row in json.loads((photos / own_files.LIST).read_text()):
        pixels = np.asarray(Image.open(photos / row["name"]))
        wanted[pixels.tobytes(), *pixels.shape[:2], row["label"], row["group"]] += 1
    found = Counter()
    for split in stores["encoded"].counts:
        for example in builder.as_dataset(split=split).as_numpy_iterator():
            image, label = example["image"], NAMES[example["label"]]
            assert image.shape == (example["height"], example["width"], 3)
            assert example["format"] == b"png"
            found[image.tobytes(), *image.shape[:2], label, example["camera"].decode()] += 1
    assert found == wanted


def test_the_summary_says_how_many_and_why(stores) -> None:
    raw = stores["raw"]
    assert "a class has " in raw.summary
    assert " in validation, " in raw.summary
    assert raw.summary.endswith("store raw, as set")


def test_bad_files_are_listed_and_counted(photos, run, tmp_path) -> None:
    folder = shutil.copytree(photos, tmp_path / "photos")
    names = ["cat/cut.png", "dog/empty.png", "dog/text.jpg"]
    (folder / names[0]).write_bytes((folder / "cat/00 camera0.png").read_bytes()[:90])
    (folder / names[1]).touch()
    (folder / names[2]).write_text("no image")
    (folder / "dog/.hidden").touch()
    settings = {"source": "image_folder", "path": str(folder), "test_share": 0.3}
    settings |= {"height": 8, "width": 8, "fit": "stretch"}
    with pytest.raises(BadDataError, match=r"cat/cut\.png cannot be used"):
        run(**settings)
    with pytest.raises(BadDataError, match="3 of 63 files cannot be used"):
        run(**settings, max_bad_share=0.04)
    examples = run(**settings, max_bad_share=0.05)
    assert (examples.quarantined, sum(map(sum, examples.counts.values()))) == (3, 60)
    assert "3 bad, see quarantine.csv" in examples.summary
    lines = (examples.path / "quarantine.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["file", *names]
    assert all(len(line.split(",", 2)[2]) > 5 for line in lines[1:])
    left_out = (examples.path / "left_out.csv").read_text().splitlines()
    assert examples.left_out == len(left_out) - 1 >= 1
    assert any("dog/.hidden" in line for line in left_out)
    assert f"{examples.left_out} left out, see left_out.csv" in examples.summary
    assert run.progress[-1][:2] == (63, 63)


def test_a_file_that_vanishes_after_it_was_listed_is_a_bad_file(
    photos, run, tmp_path, monkeypatch
) -> None:
    folder = shutil.copytree(photos, tmp_path / "photos")
    list_parts = own_files.Listed.list_parts

    def list_and_remove(self: Any) -> Any:
        parts = list_parts(self)
        (folder / "cat/00 camera0.png").unlink(missing_ok=True)
        return parts

    monkeypatch.setattr(own_files.Listed, "list_parts", list_and_remove)
    with pytest.raises(BadDataError, match=r"cat/00 camera0\.png cannot be used"):
        run(**LISTED, path=str(folder))
    assert run(**LISTED, path=str(folder), max_bad_share=0.1).quarantined == 1


def test_where_no_share_is_cut_a_test_split_is_asked_for(photos, run) -> None:
    with pytest.raises(BadDataError, match="'test' is empty") as raised:
        run(**{**LISTED, "test_share": 0.0}, path=str(photos))
    assert "--set ingest.test_share=0.2" in str(raised.value.remedy)


def test_splits_of_the_sources_own_stay(run, tmp_path) -> None:
    pixels = np.arange(4 * 4, dtype=np.uint8).reshape(4, 4)
    for split, labels in {"train": "ab", "validation": "ab", "test": "a"}.items():
        for label in labels:
            for number in range(3):
                file = tmp_path / "own" / split / label / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels + number).save(file)
    examples = run(
        source="image_folder",
        path=str(tmp_path / "own"),
        test_share=0.2,
        validation_share=0.1,
    )
    assert examples.counts == {"train": (3, 3), "validation": (3, 3), "test": (3, 0)}
    assert examples.spec.shape == (4, 4, 1)
    cut, given, lacking = run.warnings
    assert cut.startswith("ingest.validation_share cuts nothing")
    assert given.startswith("ingest.test_share cuts nothing")
    assert lacking == "1 of 2 classes have no image in test: b"


@pytest.mark.parametrize("number", range(4))
def test_a_class_with_a_single_image(run, tmp_path, number) -> None:
    random = np.random.default_rng(number)
    for name in [*(f"{label}/{i}.png" for label in "ac" for i in range(20)), "b/rare.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pixels = random.integers(0, 256, (4, 4), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    examples = run(source="image_folder", path=str(tmp_path), test_share=0.3)
    assert examples.spec.class_names == ("a", "b", "c")  # its label is kept
    (place,) = (split for split, counts in examples.counts.items() if counts[1])
    assert examples.counts[place][1] == 1
    (other,) = {"train", "test"} - {place}
    assert run.warnings == [f"1 of 3 classes have no image in {other}: b"]


def test_ten_thousand_classes(photos, run) -> None:
    names = (*NAMES, *(f"class {number}" for number in range(9_997)))
    examples = run(**LISTED, path=str(photos), class_names=names)
    assert examples.spec.num_classes == 10_000
    assert all(len(counts) == 10_000 for counts in examples.counts.values())
    assert sum(map(sum, examples.counts.values())) == 60
    (warning, *_) = run.warnings
    assert warning.startswith("9,997 of 10,000 classes have no image in train: class 0, class 1")
    assert warning.endswith(" and 9,989 more")


def test_a_folder_without_images(run, tmp_path) -> None:
    own_files.write_list(tmp_path, [])
    settings = {**LISTED, "class_names": NAMES, "options": {"left_out": ["a.txt"]}}
    with pytest.raises(BadDataError, match="lists no files") as raised:
        run(**settings, path=str(tmp_path))
    assert raised.value.got == "1 that are no images"


def test_a_full_disk_leaves_nothing(photos, run) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        with pytest.raises(EnvironmentTrouble, match="cannot write"):
            run(**LISTED, path=str(photos))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_interrupt_leaves_nothing(photos, run, monkeypatch) -> None:
    def interrupt(self: Any, part: Any) -> Any:
        yield next(read_files(self, part))
        raise KeyboardInterrupt

    read_files = own_files.Listed.read_files
    monkeypatch.setattr(own_files.Listed, "read_files", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(**{**LISTED, "channels": 3}, path=str(photos))


def test_two_at_once_do_not_disturb_each_other(photos, run, stores) -> None:
    made: list[Examples] = []

    def ingest_again() -> None:
        made.append(run(**LISTED, path=str(photos), store="encoded"))

    threads = [threading.Thread(target=ingest_again) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for examples in made:
        for split in examples.counts:
            assert [shard.read_bytes() for shard in examples.shards(split)] == [
                shard.read_bytes() for shard in stores["encoded"].shards(split)
            ]
    assert len(made) == 2


def test_a_window_over_spans_in_both_stores(photos, run, tmp_path) -> None:
    from components import window

    settings = {**LISTED, "path": str(photos)}
    spans = [
        run(**settings, span=str(number), store=store)
        for number, store in enumerate(("raw", "encoded"))
    ]
    taken = tuple(window.SpanTaken(span=str(number)) for number in range(2))
    config = window.Config(pattern="photos/{SPAN}", spans=taken, test="all")
    inputs = window.Inputs(spans=tuple(spans))
    both = window.run(inputs, config, Context(output_dir=tmp_path)).examples
    assert (both.store, both.features) == ("encoded", ("camera",))
    for split in both.counts:
        assert read(both, split) == [*read(spans[0], split), *read(spans[1], split)]
    other = dataclasses.replace(spans[1], features=())
    with pytest.raises(BadDataError, match="the span 1 has other features than the span 0"):
        window.check_inputs(config, {"spans": (spans[0], other)})


def test_what_is_known_before_it_runs(photos) -> None:
    settings = {"source": "image_folder", "path": str(photos), "test_share": 0.3}
    config = ingest.Config(**settings, height=8, width=8, fit="stretch")
    expected = ingest.expect_outputs(config, {}, thorough=False)["examples"]
    assert (expected.spec, expected.class_names, expected.splits) == (None, None, None)
    expected = ingest.expect_outputs(config, {}, thorough=True)["examples"]
    assert expected.spec.shape == (8, 8, 3)
    assert expected.class_names == NAMES
