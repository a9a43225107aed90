"""The source `parquet`: rows, labels, splits, groups, parts, URLs and what is refused."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import parquet_files
import peak_memory
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stores  # noqa: F401  (Beam finds its file systems)
from parquet_files import IMAGE, describe, make_table, write

from data.errors import BadDataError, ConfigError
from data.sources import SourceConfig, make_source
from data.sources.file_source import FileSource, ImageFile
from data.sources.image_files.parquet import labels
from data.sources.image_files.parquet import rows as row_parts

NAMES = ("cat", "dog", "eel")
TEN = [b"image %d" % index for index in range(10)]
THREE = [index % 3 for index in range(10)]


def make(path: object, **settings: Any) -> FileSource:
    source = make_source("parquet", SourceConfig(path=str(path), **settings))
    assert isinstance(source, FileSource)
    return source


def read(source: FileSource) -> list[ImageFile]:
    """Read all parts as workers do."""
    source.class_names()
    parts = source.list_parts()
    worker = pickle.loads(pickle.dumps(source))
    files = [list(worker.read_files(part)) for part in parts]
    assert [len(part) for part in files] == [part.files for part in parts]
    assert [part.index for part in parts] == list(range(len(parts)))
    return [file for part in files for file in part]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten rows in each of two files of train and one of test, and a card beside them."""
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        contents = [name.encode() + content for content in TEN]
        write(
            tmp_path / "hub/data" / f"{name}.parquet",
            make_table(contents, THREE, NAMES),
            row_group_size=4,
        )
    (tmp_path / "hub/README.md").write_text("a card")
    (tmp_path / "hub/.gitattributes").write_text("hidden")
    return tmp_path / "hub"


def test_rows_are_read_with_the_names_of_their_classes(folder: Path) -> None:
    source = make(folder)
    files = read(source)
    expected = []
    for path in sorted(folder.rglob("*.parquet")):  # pyarrow is the oracle
        for number, row in enumerate(pq.read_table(path).to_pylist()):
            name = f"{path.relative_to(folder).as_posix()}#{number}"
            split = path.name.partition("-")[0]
            expected.append((name, row["image"]["bytes"], NAMES[row["label"]], split))
    assert [(f.name, f.content, f.label, f.split) for f in files] == expected
    assert len({file.name for file in files}) == 30
    assert source.class_names() == NAMES
    assert source.given_splits() == {"train", "test"}  # type: ignore[attr-defined]
    assert [entry.name for entry in source.left_out()] == [".gitattributes", "README.md"]  # type: ignore[attr-defined]
    assert source.describe() == (  # type: ignore[attr-defined]
        "image from the column 'image', label from the column 'label' with names of the schema, "
        "splits by the files' names: test from 'test', train from 'train'"
    )


def test_a_worker_does_not_list_again(folder: Path) -> None:
    source = make(folder)
    part = source.list_parts()[0]
    worker = pickle.loads(pickle.dumps(source))
    for other in folder.rglob("train*.parquet"):
        other.unlink()
    assert len(list(worker.read_files(part))) == part.files


def test_the_same_by_url(folder: Path) -> None:
    assert read(make(f"box://{folder}")) == read(make(folder))
    file = folder / "data/test-00000-of-00001.parquet"
    assert read(make(f"bucket://{file}")) == read(make(file))


def test_a_file_alone_has_no_split(folder: Path) -> None:
    file = folder / "data/test-00000-of-00001.parquet"
    assert {f.split for f in read(make(file))} == {None}
    assert {f.name for f in read(make(file))} == {f"{file.name}#{index}" for index in range(10)}


def test_train_without_test_can_be_cut(folder: Path) -> None:
    (folder / "data/test-00000-of-00001.parquet").unlink()
    assert {f.split for f in read(make(folder))} == {None}


def test_splits_by_setting(folder: Path) -> None:
    table = make_table(TEN, THREE, NAMES)
    write(folder / "data/extra-00000-of-00001.parquet", table)
    source = make(folder)
    assert len(read(source)) == 30
    unused = "of the split 'extra', which is unused"
    assert ("data/extra-00000-of-00001.parquet", unused) in source.left_out()  # type: ignore[attr-defined]
    splits = {file.split for file in read(make(folder, splits={"train": "extra+test"}))}
    assert splits == {None}
    with pytest.raises(ConfigError, match="a split that is not there: 'tests'"):
        make(folder, splits={"train": "train", "test": "tests"}).class_names()


def test_large_row_groups_are_cut_and_small_ones_taken_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [b"%d" % index * (1 + index % 7) for index in range(100)]
    table = make_table(contents, [index % 3 for index in range(100)], NAMES)
    for size in (1, 7, 33, 100):
        path = write(tmp_path / f"{size}.parquet", table, row_group_size=size)
        for most, batch in ((20, 512), (1, 512), (8192, 7), (10, 3)):
            monkeypatch.setattr(row_parts, "_PART_ROWS", most)
            monkeypatch.setattr(row_parts, "_BATCH_ROWS", batch)
            source = make(path)
            found = read(source)
            assert [file.content for file in found] == contents
            assert [file.name for file in found] == [f"{size}.parquet#{i}" for i in range(100)]
            largest = max(part.files for part in source.list_parts())
            assert largest <= max(most, -(-size // 8))


def test_memory_holds_no_row_group(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    contents = [draw.bytes(1 << 20) for _ in range(128)]
    path = tmp_path / "large.parquet"
    with pq.ParquetWriter(
        path, make_table([], pa.array([], "int64"), NAMES).schema, write_batch_size=1
    ) as writer:  # as `datasets` writes: pages of some images
        writer.write_table(make_table(contents, [i % 3 for i in range(128)], NAMES))
    del contents
    source = make(path)
    assert [part.files for part in source.list_parts()] == [64, 64]

    def read_all() -> None:
        assert sum(len(f.content) for p in source.list_parts() for f in source.read_files(p)) == (
            128 << 20
        )

    assert peak_memory.growth(read_all) < 80 << 20


def test_groups_and_features(tmp_path: Path) -> None:
    people = [f"p{index % 4}" for index in range(10)]
    more = {"person": people, "camera": pa.array(people).dictionary_encode(), "age": [*range(10)]}
    paths = [f"{person}/x.png" for person in people]
    path = write(tmp_path / "a.parquet", make_table(TEN, THREE, NAMES, paths=paths, more=more))
    files = read(make(path, group="person", features=("camera", "age")))
    assert [file.group for file in files] == people
    expected = [{"camera": p, "age": str(i)} for i, p in enumerate(people)]
    assert [file.features for file in files] == expected
    assert [file.group for file in read(make(path, group="([^/]+)/"))] == people
    assert {file.group for file in read(make(path))} == {None}


@pytest.mark.parametrize("form", ["struct", "bytes alone", "binary", "large"])
def test_every_form_of_a_column_of_images(form: str, tmp_path: Path) -> None:
    cells: Any = {
        "struct": pa.array([{"bytes": content, "path": None} for content in TEN], IMAGE),
        "bytes alone": pa.array([{"bytes": content} for content in TEN]),
        "binary": pa.array(TEN),
        "large": pa.array(TEN, pa.large_binary()),
    }[form]
    path = write(tmp_path / "a.parquet", pa.table({"picture": cells, "label": THREE}))
    assert [file.content for file in read(make(path))] == TEN


LABELS: dict[str, tuple[Any, dict[str, Any], Any, list[str]]] = {
    # cells, settings, names of the schema, the classes of the first three rows
    "text": (["b", "a", "c"], {}, None, ["b", "a", "c"]),
    "text, dictionary": (pa.array(["b", "a", "c"]).dictionary_encode(), {}, None, ["b", "a", "c"]),
    "large text": (pa.array(["b", "a", "c"], pa.large_string()), {}, None, ["b", "a", "c"]),
    "integers": ([10, 9, 2], {}, None, ["10", "9", "2"]),
    "uint8": (pa.array([1, 0, 2], "uint8"), {}, None, ["1", "0", "2"]),
    "integers, named": ([1, 0, 1], {"class_names": ("x", "y")}, None, ["y", "x", "y"]),
    "of the schema": ([1, 0, 1], {}, ("zebra", "ape"), ["ape", "zebra", "ape"]),
    "of the schema, ordered": (
        [1, 0, 1],
        {"class_names": ("ape", "yak", "zebra")},
        ("zebra", "ape"),
        ["ape", "zebra", "ape"],
    ),
}


@pytest.mark.parametrize("form", LABELS)
def test_labels_are_names(form: str, tmp_path: Path) -> None:
    cells, settings, names, expected = LABELS[form]
    path = write(tmp_path / "a.parquet", make_table(TEN[:3], cells, names))
    source = make(path, **settings)
    assert [file.label for file in read(source)] == expected
    order = settings.get("class_names") or names
    assert tuple(source.class_names()) == (order or tuple(sorted(expected, key=_by_value)))


def _by_value(name: str) -> tuple[int, str]:
    return (int(name), name) if name.isdigit() else (0, name)


def test_a_class_that_a_file_lacks_shifts_nothing(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", make_table(TEN, ["a", "c"] * 5))
    write(tmp_path / "test.parquet", make_table(TEN, ["c", "b"] * 5))
    source = make(tmp_path)
    assert source.class_names() == ("a", "b", "c")
    assert [f.label for f in read(source) if f.split == "test"] == ["c", "b"] * 5


def test_rows_without_image_or_label_are_bad_files(tmp_path: Path) -> None:
    contents = [b"x", None, b"", b"y", b"z", None]
    table = make_table(contents, [0, 1, 2, -1, None, None], NAMES)
    problems = [file.problem for file in read(make(write(tmp_path / "a.parquet", table)))]
    null = problems[1]
    assert str(null).startswith("no image in the column 'image': its bytes are null")
    no_label = "no label: null or -1"
    assert problems == [None, null, "an empty file", no_label, no_label, null]
    cells = pa.array([{"bytes": b"x", "path": None}, None], IMAGE)
    table = pa.table({"image": cells, "label": ["a", "b"]})
    files = read(make(write(tmp_path / "b.parquet", table)))
    assert [(file.content, file.problem) for file in files] == [(b"x", None), (b"", null)]


def test_a_vast_image_is_a_bad_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_parts, "MOST_BYTES", 7)
    files = read(
        make(write(tmp_path / "a.parquet", make_table(["1234567", "12345678"], ["a", "b"])))
    )  # type: ignore[list-item]
    assert [(file.content, file.problem) for file in files] == [
        (b"1234567", None),
        (b"", "more than 0 MiB"),
    ]


def test_a_split_without_any_label_is_refused_and_can_be_left_out(folder: Path) -> None:
    write(folder / "data/test-00000-of-00001.parquet", make_table(TEN, [-1] * 10, NAMES))
    with pytest.raises(BadDataError, match=r"no row of the split test .* has a label") as caught:
        make(folder).class_names()
    assert caught.value.remedy == "leave the split out: --set ingest.splits='{train = \"train\"}'"
    assert len(read(make(folder, splits={"train": "train"}))) == 20


Columns = Callable[[], pa.Table]
REFUSED: dict[str, tuple[Columns, dict[str, Any], str]] = {
    "no images": (
        lambda: pa.table({"path": ["a"], "label": [1]}),
        {},
        "no column with the image of each row",
    ),
    "two images": (
        lambda: make_table(TEN, THREE, more={"mask": pa.array([{"bytes": b"x"}] * 10)}),
        {},
        "more than one column that could be the image.*image: struct<.*mask: struct",
    ),
    "no labels": (
        lambda: pa.table({"image": TEN, "score": [0.5] * 10}),
        {},
        "no column with the label of each row.*image: binary, score: double",
    ),
    "two class labels": (
        lambda: make_table(
            TEN,
            THREE,
            more={"coarse": THREE},
            features={**describe(NAMES), **describe(NAMES, "coarse")},
        ),
        {},
        "more than one column that could be the label.*label: int64, coarse: int64",
    ),
    "two texts": (
        lambda: pa.table({"image": TEN, "a": ["x"] * 10, "b": ["y"] * 10}),
        {},
        "more than one column that could be the label",
    ),
    "another image column": (
        lambda: make_table(TEN, THREE),
        {"image_column": "label"},
        "another type in the column 'label'",
    ),
    "no such column": (
        lambda: make_table(TEN, THREE),
        {"label_column": "labels"},
        "has no column 'labels'",
    ),
    "label of another type": (
        lambda: make_table(TEN, [0.5] * 10),
        {"label_column": "label"},
        "another type in the column 'label'.*ingest.label_column with label: double",
    ),
    "feature of another type": (
        lambda: make_table(TEN, THREE, more={"score": [0.5] * 10}),
        {"features": ("score",)},
        "another type in the column 'score'.*ingest.features",
    ),
    "our own feature": (
        lambda: make_table(TEN, THREE),
        {"features": ("label",)},
        "'label' cannot be a further feature",
    ),
    "a pattern without paths": (
        lambda: pa.table({"image": TEN, "label": THREE}),
        {"group": "(.)/"},
        "have no paths, which ingest.group would be a pattern of",
    ),
    "a number beyond the names": (
        lambda: make_table(TEN, [*THREE[:9], 7], NAMES),
        {},
        "a.parquet#9 has a label that is no number of a class.*0 to 2.*7",
    ),
    "a negative number": (
        lambda: make_table(TEN, [*THREE[:9], -2], NAMES),
        {},
        "a.parquet#9 has a label that is no number of a class",
    ),
    "names that are none": (
        lambda: make_table(TEN, THREE, features=describe(["a", "a", "b"])),
        {},
        "invalid class names",
    ),
    "metadata that is none": (
        lambda: make_table(TEN, THREE, features="{"),
        {},
        "invalid class names",
    ),
    "names of text": (
        lambda: make_table(TEN, ["a", "b"] * 5, NAMES),
        {},
        "invalid class names",
    ),
    "one class": (lambda: make_table(TEN, [1] * 10), {}, "has only one class"),
    "a class that is not given": (
        lambda: make_table(TEN, THREE, NAMES),
        {"class_names": ("cat", "dog")},
        "has a class that ingest.class_names does not name",
    ),
    "one column twice": (
        lambda: pa.Table.from_arrays([pa.array(TEN)] * 2, ["a", "a"]),
        {},
        "has no usable header",
    ),
    "no rows": (lambda: make_table([], pa.array([], "int64")), {}, "has only one class"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_refused_in_words(what: str, tmp_path: Path) -> None:
    table, settings, message = REFUSED[what]
    source = make(write(tmp_path / "a.parquet", table()), **settings)
    with pytest.raises((BadDataError, ConfigError)) as caught:
        source.class_names()
    error = caught.value
    assert all((error.what, error.expected, error.got, error.follows, error.remedy))
    text = f"{error.what}; {error.expected}; {error.got}"
    assert re.search(message, text), text


def test_a_row_without_a_group_is_an_error(tmp_path: Path) -> None:
    more = {"person": ["p"] * 9 + [None]}
    path = write(tmp_path / "a.parquet", make_table(TEN, THREE, more=more))
    with pytest.raises(BadDataError, match=r"a.parquet#9 has no group"):
        read(make(path, group="person"))


def test_files_of_one_dataset_have_the_same_columns_and_names(folder: Path) -> None:
    table = make_table(TEN, THREE, ("cat", "dog", "emu"))
    write(folder / "data/test-00000-of-00001.parquet", table)
    with pytest.raises(BadDataError, match="two Parquet files differ") as caught:
        make(folder).class_names()
    assert "(cat, dog, emu)" in caught.value.got
    assert "(cat, dog, eel)" in caught.value.got


def test_there_must_be_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(BadDataError, match="holds no Parquet files"):
        make(tmp_path).class_names()


def test_a_column_of_captions_is_no_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_MOST_LABELS", 9)
    captions = [f"picture {index}" for index in range(10)]
    path = write(tmp_path / "a.parquet", make_table(TEN, captions))
    with pytest.raises(BadDataError, match="cannot be read as images") as caught:
        make(path).class_names()
    assert "more than 9 different labels in the column 'label'" in caught.value.got


def test_files_that_change_while_they_are_read_are_refused(folder: Path) -> None:
    source = make(folder)
    first = source.list_parts()[0]
    rows = dataclasses.replace(first.items, count=11)
    with pytest.raises(BadDataError) as caught:
        list(source.read_files(dataclasses.replace(first, items=rows)))
    assert "10 rows in place of 11" in caught.value.got
    path = folder / first.items.shard.name
    write(path, make_table(TEN, [0, 2] * 5, ("cat", "dog", "eel")), row_group_size=10)
    with pytest.raises(BadDataError) as caught:
        list(source.read_files(first))
    assert "fewer row groups than before" in caught.value.got


def test_a_label_that_appears_while_files_are_read_is_refused(tmp_path: Path) -> None:
    path, options = tmp_path / "a.parquet", {"compression": "none", "use_dictionary": False}
    write(path, make_table(TEN, [0, 1] * 5), **options)
    source = make(path)
    (part,) = source.list_parts()
    write(path, make_table(TEN, [0, 7] * 5), **options)
    with pytest.raises(BadDataError, match="#1 has a label that was not there before"):
        list(source.read_files(part))


def test_the_metadata_is_that_of_datasets() -> None:
    text = make_table(TEN, THREE, NAMES).schema.metadata[b"huggingface"]
    assert json.loads(text)["info"]["features"]["label"]["names"] == list(NAMES)
    assert parquet_files.IMAGE == IMAGE


def test_a_footer_that_counts_other_rows_than_its_row_groups(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", make_table([b"a", b"b", b"c"], ["x", "y", "x"]))
    content = path.read_bytes()
    rows = b"\x16\x06\x19"  # first as field 3 of the footer: 3 as a zigzag integer, then a list
    path.write_bytes(content.replace(rows, b"\x16\x08\x19", 1))
    with pytest.raises(BadDataError, match="4 rows, and 3 in its row groups"):
        make(path).class_names()
