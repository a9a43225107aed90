"""Tables: which rows are read, what is refused and in which words, in each format."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import BadDataError, ConfigError, EnvironmentTrouble, PenstockError
from data.sources import SourceConfig
from data.sources.image_files.table import TableSource

BYTES = os.fsdecode(b"\xff")
FORMATS = ["csv", "tsv", "jsonl", "parquet"]
ROWS = {
    "path": ["a/1.png", "a/2.png", "b/3.png", "b/4.png"],
    "label": ["cat", "dog", "cat", "dog"],
    "split": ["train", "train", "val", "test"],
    "person": ["p1", "p2", "p3", "p4"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with four images."""
    for name in ROWS["path"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def write(path: Path, columns: dict[str, list[Any]]) -> Path:
    values = zip(*columns.values(), strict=True)
    rows = [dict(zip(columns, row, strict=True)) for row in values]
    separator = "\t" if path.suffix == ".tsv" else ","
    match path.suffix:
        case ".parquet":
            pq.write_table(pa.table(columns), path)
        case ".jsonl":
            path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        case _:
            lines = [columns, *(row.values() for row in rows)]
            path.write_text("".join(separator.join(map(str, line)) + "\n" for line in lines))
    return path


def read(path: Path, **settings: Any) -> dict[str, tuple[Any, ...]]:
    source = TableSource(SourceConfig(path=str(path), **settings))
    files = [file for part in source.list_parts() for file in source.read_files(part)]
    assert [file.name for file in files] == sorted(file.name for file in files)
    assert {file.label for file in files} <= set(source.class_names())
    return {file.name: (file.label, file.split, file.group) for file in files}


def refuse(
    path: Path, words: str, kind: type[PenstockError] = BadDataError, **settings: Any
) -> None:
    with pytest.raises(kind) as caught:
        read(path, **settings)
    text = str(caught.value)
    assert re.search(words, text), text
    assert caught.value.expected
    assert caught.value.got
    assert caught.value.follows
    assert caught.value.remedy


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_gives_the_same(folder: Path, kind: str) -> None:
    table = write(folder / f"t.{kind}", ROWS)
    source = TableSource(SourceConfig(path=str(table), group="person"))
    assert source.describe() == (
        "path from the column 'path', label from the column 'label', "
        "split from the column 'split', group from the column 'person'"
    )
    assert source.given_splits() == {"train", "validation", "test"}
    assert read(table, group="person") == {
        "a/1.png": ("cat", "train", "p1"),
        "a/2.png": ("dog", "train", "p2"),
        "b/3.png": ("cat", "validation", "p3"),
        "b/4.png": ("dog", "test", "p4"),
    }


def test_columns_are_found_by_their_usual_names_and_by_settings(folder: Path) -> None:
    paths, labels = ROWS["path"], ROWS["label"]
    expected = {name: (label, None, None) for name, label in zip(paths, labels, strict=True)}
    assert (
        read(write(folder / "a.csv", {"Filename": paths, "x": paths, "CLASS": labels})) == expected
    )
    odd = write(folder / "b.csv", {"where": paths, "what": labels, "split": ROWS["split"]})
    settings = {"path_column": "where", "label_column": "what"}
    assert read(odd, **settings, split_column="") == expected
    assert read(odd, **settings)["b/4.png"] == ("dog", "test", None)
    refuse(odd, "no column with the path")
    refuse(odd, "no column with the label", path_column="where")
    refuse(odd, "did you mean 'what'", ConfigError, path_column="where", label_column="wha")
    refuse(odd, "no column 'parson'", ConfigError, **settings, group="parson")
    refuse(odd, "did you mean 'what'", ConfigError, **settings, features=("whatt",))
    two = write(folder / "c.csv", {"path": paths, "file": paths, "label": labels})
    refuse(two, "more than one column that could be the path.*(?s:.*)ingest.path_column=path")
    refuse(
        write(folder / "d.csv", {"path": paths, "label": labels, "Group": labels, "group": labels}),
        "could be the group",
    )


def test_groups_and_features(folder: Path) -> None:
    table = write(folder / "t.csv", {**ROWS, "split": ["train"] * 4, "camera": ["x", "y", "", "z"]})
    by_folder = read(table, group="^([ab])/")
    described = TableSource(SourceConfig(path=str(table), group="^([ab])/")).describe()
    assert described.endswith("group by '^([ab])/'")
    assert [group for _, _, group in by_folder.values()] == ["a", "a", "b", "b"]
    source = TableSource(SourceConfig(path=str(table), features=("camera", "person")))
    (part,) = source.list_parts()
    features = [dict(file.features) for file in source.read_files(part)]
    assert features[2:] == [{"camera": "", "person": "p3"}, {"camera": "z", "person": "p4"}]
    refuse(table, "does not match the path of b/3.png", group="^(a)/")
    refuse(table, "row.*has no group|line 4 of .* has no group", group="camera")
    refuse(table, "not a regular expression with one group", ConfigError, group="(a)(b)")
    refuse(table, "not a regular expression with one group", ConfigError, group="(a")
    refuse(
        write(folder / "u.csv", {**ROWS, "label": list("abab"), "image": ROWS["person"]}),
        "'image' cannot be a further feature",
        ConfigError,
        path_column="path",
        features=("image",),
    )
    divided = write(folder / "v.csv", {**ROWS, "person": ["p", "q", "r", "p"]})
    refuse(divided, "the group 'p' is in two splits", group="person")


def test_a_row_without_a_file_and_a_file_without_a_row(folder: Path) -> None:
    (folder / "b" / "4.png").unlink()
    (folder / "a" / "more.png").write_bytes(b"x")
    (folder / "a" / "notes.txt").write_bytes(b"x")
    (folder / "a" / ".hidden.png").write_bytes(b"x")
    (folder / "other").mkdir()
    (folder / "other" / "5.png").write_bytes(b"x")
    (folder / "a" / "gone.png").symlink_to("nowhere")
    (folder / "a" / "empty.png").touch()
    (folder / "a" / "pipe.png").mkdir()
    names = [*ROWS["path"], "a/.hidden.png", "a/gone.png", "a/empty.png", "a/pipe.png"]
    table = write(folder / "t.csv", {"path": names, "label": ["cat", "dog"] * 4})

    def look(**settings: Any) -> tuple[dict[str, Any], dict[str, str]]:
        source = TableSource(SourceConfig(path=str(table), **settings))
        files = [file for part in source.list_parts() for file in source.read_files(part)]
        return {file.name: file.problem for file in files}, dict(source.left_out())

    problems, left_out = look()
    assert problems == {
        "a/.hidden.png": None,  # as the table asks for it
        "a/1.png": None,
        "a/2.png": None,
        "a/empty.png": "an empty file",
        "a/gone.png": "a broken link",
        "a/pipe.png": "not a regular file",
        "b/3.png": None,
        "b/4.png": "the file does not exist",
    }
    assert left_out == {"a/more.png": "no row", "a/notes.txt": "not an image: .txt"}
    problems, left_out = look(images=str(folder))  # all of it is looked at
    assert left_out.keys() == {"a/more.png", "a/notes.txt", "other/5.png"}


def test_paths_are_relative_to_the_images_and_stay_below(folder: Path, tmp_path: Path) -> None:
    images = folder / "a"
    table = write(folder / "t.csv", {"path": ["1.png", "./x/../2.png"], "label": ["cat", "dog"]})
    assert read(table, images=str(images)).keys() == {"1.png", "2.png"}
    absolute = [str(images / "1.png"), str(images / "2.png")]
    table = write(folder / "t.csv", {"path": absolute, "label": ["cat", "dog"]})
    assert read(table, images=str(images)).keys() == {"1.png", "2.png"}
    link = folder / "link"
    link.symlink_to(images)
    assert read(table, images=str(link)).keys() == {"1.png", "2.png"}
    refuse(table, "outside .*(?s:.*)in line 2", images=str(folder / "b"))
    for path in ("../b/3.png", "x/../../b/3.png", "..", "/etc/passwd", f"{images}/../b/3.png"):
        table = write(folder / "t.csv", {"path": ["1.png", path], "label": ["cat", "dog"]})
        refuse(table, "names a file outside .*(?s:.*)in line 3", images=str(images))
    (images / "out.png").symlink_to(folder / "b" / "3.png")
    (images / "folder").symlink_to(folder / "b")
    (images / ".out.png").symlink_to(folder / "b" / "3.png")
    for path in ("out.png", "folder/3.png", ".out.png"):
        table = write(folder / "t.csv", {"path": ["1.png", path], "label": ["cat", "dog"]})
        refuse(table, "names a file outside .*(?s:.*)in line 3", images=str(images))


def test_rows_that_say_a_thing_twice(folder: Path) -> None:
    again = {name: [*values, values[0]] for name, values in ROWS.items()}
    table = write(folder / "t.csv", again)
    assert len(read(table)) == 4
    left_out = TableSource(SourceConfig(path=str(table))).left_out()
    assert left_out == [("a/1.png", "line 6 repeats line 2")]
    for column in ("label", "split"):
        changed = {**again, column: [*again[column][:4], ROWS[column][-1]]}
        refuse(write(folder / "u.csv", changed), "line 2: cat, train.* line 6: ")
    refuse(write(folder / "v.parquet", {**again, "label": [*ROWS["label"], "dog"]}), "row 5: dog")
    (folder / "a" / "link.png").symlink_to("1.png")
    linked = {"path": ["a/1.png", "a/link.png"], "label": ["cat", "dog"]}
    refuse(write(folder / "w.csv", linked), "two classes share a file")


def test_labels_are_text(folder: Path) -> None:
    numbers = {**ROWS, "label": ["10", "9", "01", "1"]}
    for kind in ("csv", "tsv"):
        table = write(folder / f"t.{kind}", numbers)
        assert TableSource(SourceConfig(path=str(table))).class_names() == ("01", "1", "9", "10")
    integers = {**ROWS, "label": [10, 9, 1, 1]}
    for kind in FORMATS:
        table = write(folder / f"u.{kind}", integers)
        assert TableSource(SourceConfig(path=str(table))).class_names() == ("1", "9", "10")
    odd = write(folder / "v.csv", {**ROWS, "label": ["1", "2", "l", "2"]})
    refuse(odd, "numbers but one(?s:.*)'l' in line 4")
    assert len(read(odd, class_names=("1", "2", "l"))) == 4
    refuse(odd, "line 4 of .*v.csv has a class(?s:.*)Rename", class_names=("1", "2", "3"))
    refuse(
        write(folder / "w.csv", {**ROWS, "label": ["cat", "cat ", "dog", "dog"]}), "but for case"
    )
    refuse(write(folder / "x.csv", {**ROWS, "label": ["cat"] * 4}), "only one class")
    for label in ("", "nan", "NaN"):
        refuse(
            write(folder / "y.csv", {**ROWS, "label": ["cat", label, "dog", "dog"]}),
            "line 3 .*no label",
        )
    refuse(
        write(folder / "y.parquet", {**ROWS, "label": ["cat", None, "dog", "dog"]}),
        "row 2 .*no label",
    )
    refuse(
        write(folder / "y.jsonl", {**ROWS, "label": ["cat", None, "dog", "dog"]}),
        "line 2 .*no label",
    )


def test_unknown_splits(folder: Path) -> None:
    for split in ("holdout", "", "1"):
        table = write(folder / "t.csv", {**ROWS, "split": ["train", "train", split, "test"]})
        refuse(table, "line 4 .* of an unknown split")
    names = ["Training", "dev", " VALID", "testing"]
    splits = read(write(folder / "t.csv", {**ROWS, "split": names})).values()
    assert [split for _, split, _ in splits] == ["train", "validation", "validation", "test"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", pytest.param("latin-1", id="not UTF-8")]
)
def test_encodings(folder: Path, encoding: str) -> None:
    name = "a/küche.png".encode("latin-1" if encoding == "latin-1" else "utf-8")
    Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(b"x")
    table = folder / "t.csv"
    table.write_bytes("path,label\r\na/küche.png,cat\r\n\r\na/1.png,dog\r\n".encode(encoding))
    assert set(read(table)) == {"a/1.png", os.fsdecode(name)}
    table.write_bytes("path,label\na/1.png,küche\na/2.png,dog\n".encode(encoding))
    if encoding == "latin-1":
        refuse(table, "no UTF-8(?s:.*)UTF-8")
    else:
        assert TableSource(SourceConfig(path=str(table))).class_names() == ("dog", "küche")


def test_quotes_separators_and_odd_names(folder: Path) -> None:
    (folder / "a" / 'x,"y"\n.png').write_bytes(b"x")
    table = folder / "t.csv"
    table.write_text('label,path\ncat,"a/x,""y""\n.png"\n"dog",a/1.png')
    assert read(table).keys() == {'a/x,"y"\n.png', "a/1.png"}
    for separator in ";\t":
        table.write_text(
            f"path{separator}label\na/1.png{separator}cat\na/2.png{separator}dog, big\n"
        )
        assert TableSource(SourceConfig(path=str(table))).class_names() == ("cat", "dog, big")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"", "no usable header"),
        ("t.csv", b"path,label,path\na/1.png,cat,x\n", "'path' more than once"),
        ("t.csv", b"path,label\n", "names exists(?s:.*)no rows|only one class"),
        ("t.csv", b"path,label\na/1.png,cat\na/2.png\n", "1 in line 3"),
        ("t.csv", b'path,label\na/1.png,"cat\na/2.png,dog\n', "line 3: unexpected end"),
        ("t.csv", b'path,label\na/1.png,"c"at\n', "line 2: ',' expected"),
        ("t.csv", b"path,label\n,cat\na/2.png,dog\n", "line 2 .*no path"),
        ("t.csv", b"path,label\n" + b"a" * 2_000_000, "more than 1,048,576 characters"),
        ("t.csv", b'path,label\n"' + b"a\n" * 200_000, "field larger than field limit"),
        ("t.csv", b"path,label\nx/1.png,cat\nx/2.png,dog\n", "none of the files"),
        ("t.csv", b"path,label\na\\1.png,cat\na\\2.png,dog\n", "write / in the paths"),
        ("t.csv", b"path,label\na/1\0.png,cat\na\0/2.png,dog\n", "none of the files"),
        ("t.csv", b"\xff\xfep\0a", "no column|cannot be read as a table"),
        ("t.csv", b"\xff\xfe\0\xd8\0\0\n\0", "cannot be read as a table|no column"),
        ("t.jsonl", b"", "no usable header"),
        ("t.jsonl", b"{", "line 1: "),
        ("t.jsonl", b'{"path": "a/1.png", "label": "cat"}\n[1]\n', "line 2: a list"),
        ("t.jsonl", b'{"path": "a/1.png", "label": {"a": 1}}\n', "line 1: 'label' is {'a': '1'}"),
        ("t.jsonl", b"[" * 100_000, "line 1: "),
        ("t.jsonl", b'{"path": "a/1.png", "label": NaN}\n', "line 1 of .* has no label"),
        ("t.parquet", b"PAR1", "cannot be read as a table"),
        ("t.parquet", b"", "cannot be read as a table"),
    ],
)  # fmt: skip
def test_what_is_no_table(folder: Path, name: str, content: bytes, words: str) -> None:
    (folder / name).write_bytes(content)
    refuse(folder / name, words)


def test_parquet_columns_of_all_kinds(folder: Path) -> None:
    table = folder / "t.parquet"
    labels = pa.array(ROWS["label"]).dictionary_encode()
    paths = pa.array([name.encode() for name in ROWS["path"]], pa.large_binary())
    pq.write_table(pa.table({"path": paths, "label": labels}), table)
    assert len(read(table)) == 4
    integers = pa.array([5, 6, 5, 6], pa.int8()).dictionary_encode()
    pq.write_table(pa.table({"path": paths, "label": integers}), table)
    assert read(table)["a/2.png"][0] == "6"
    for other in (pa.array([1.0, 2.0, 1.0, 2.0]), pa.array([[1], [2], [1], [2]])):
        pq.write_table(pa.table({"path": paths, "label": other}), table)
        refuse(table, "column 'label' of ")
    long = pa.array(["x" * 70_000, "cat", "dog", "dog"])
    pq.write_table(pa.table({"path": paths, "label": long}), table)
    refuse(table, "more than 65,536 bytes in a cell of 'label'")
    same = pa.table({"path": ["a/1.png"] * 300_000, "label": ["cat"] * 300_000})
    pq.write_table(same, table)
    refuse(table, "300,000 rows in")


def test_what_is_no_path_of_a_table(folder: Path) -> None:
    refuse(folder / "t.xlsx", "no ending of a table(?s:.*)got: *.xlsx", ConfigError)
    refuse(folder, "no ending of a table", ConfigError)
    refuse(folder / "t.csv", "does not exist")
    table = write(folder / "t.csv", ROWS)
    refuse(table, "is not a folder of images", images=str(folder / "nowhere"))


def test_no_permission(unprivileged: Any) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to others
        folder = Path(name)
        folder.chmod(0o755)
        for image in ("1.png", "2.png"):
            (folder / image).write_bytes(b"x")
        table = write(folder / "t.csv", {"path": ["1.png", "2.png"], "label": ["cat", "dog"]})
        (folder / "1.png").chmod(0)
        with unprivileged():
            source = TableSource(SourceConfig(path=str(table)))
            problems = [f.problem for p in source.list_parts() for f in source.read_files(p)]
            assert problems == ["no permission to read the file", None]
        for closed, words in ((table, "cannot be read"), (folder, "cannot be read")):
            closed.chmod(0)
            with unprivileged():
                refuse(table, words, EnvironmentTrouble)
        folder.chmod(0o755)


def test_a_table_in_the_middle_of_much_else(folder: Path) -> None:
    """Folders that no row names are not entered."""
    (folder / "loop").symlink_to(folder)
    (folder / "locked").mkdir(mode=0)
    assert len(read(write(folder / "t.csv", ROWS))) == 4
    (folder / "0.png").write_bytes(b"x")
    more = {"path": [*ROWS["path"], "0.png"], "label": [*ROWS["label"], "cat"]}
    assert len(read(write(folder / "t.csv", more))) == 5
