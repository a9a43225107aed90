"""Tables of pixels: held to pandas, and to a naive reader for mutated ones."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from read_arrays import read_splits

from data.errors import BadDataError, ConfigError, PenstockError
from data.sources import SourceConfig
from data.sources.arrays.pixel_tables import blocks, cells, table
from data.sources.arrays.pixel_tables.pixels_csv import PixelsCsvSource

RNG = np.random.default_rng(0)
NAMES = ["label", *(f"pixel{n}" for n in range(16))]


def make_rows(count: int) -> np.ndarray:
    """Rows of a label and 16 pixels, of one to three digits each."""
    pixels = RNG.integers(0, RNG.choice([10, 100, 256], (count, 16)))
    return np.column_stack([np.arange(count) % 3, pixels])


TRAIN, TEST = make_rows(40), make_rows(9)


def write(path: Path, rows: np.ndarray, names: list[str] | None = NAMES, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows, columns=names)
    frame.to_csv(path, index=False, header=names is not None, **options)
    return path


def read(path: Path, **settings) -> dict[str | None, tuple[np.ndarray, np.ndarray]]:
    return read_splits(PixelsCsvSource(SourceConfig(path=str(path), **settings)))


def describe(path: Path, **settings) -> str:
    return PixelsCsvSource(SourceConfig(path=str(path), **settings)).describe()


def check(found, wanted: dict[str | None, np.ndarray]) -> None:
    assert list(found) == list(wanted)
    for split, rows in wanted.items():
        images, labels = found[split]
        np.testing.assert_array_equal(images, rows[:, 1:].reshape(-1, 4, 4, 1))
        np.testing.assert_array_equal(labels, rows[:, 0])
        assert (images.dtype, labels.dtype) == (np.uint8, np.int64)


@pytest.mark.parametrize("block_bytes", [1 << 20, 200, 7])
@pytest.mark.parametrize("part_images", [20_000, 5])
@pytest.mark.parametrize("chunk_images", [2048, 3])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_it_reads_what_pandas_writes(
    tmp_path, block_bytes, part_images, chunk_images, end, monkeypatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(table, "PART_IMAGES", part_images)
    monkeypatch.setattr("data.sources.source.CHUNK_IMAGES", chunk_images)
    path = write(tmp_path / "data.csv", TRAIN, lineterminator=end)
    check(read(path), {None: TRAIN})
    parts = PixelsCsvSource(SourceConfig(path=str(path))).parts()
    assert (len(parts) > 1) == (part_images == 5 and block_bytes < 1 << 20)


@pytest.mark.parametrize(
    "names",
    [
        ["train.csv", "test.csv"],
        ["train.csv.gz", "test.csv"],
        ["fashion-mnist_train.csv", "fashion-mnist_test.csv.gz"],
        ["a.train.csv", "a.val.csv", "a.test.csv"],
    ],
)
def test_a_folder_has_a_file_for_each_split(tmp_path: Path, names) -> None:
    wanted = {"train": TRAIN, "test": TEST}
    if len(names) == 3:
        wanted = {"train": TRAIN, "validation": TEST, "test": TEST}
    for name, rows in zip(names, wanted.values(), strict=True):
        write(tmp_path / name, rows)
    check(read(tmp_path), wanted)


def test_the_test_split_of_a_competition_has_no_labels(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", TRAIN)
    write(tmp_path / "test.csv", TEST[:, 1:], NAMES[1:])
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    check(read(tmp_path), {None: TRAIN})
    said = describe(tmp_path)
    assert "test.csv is not used: it has no label" in said
    assert "sample_submission.csv is not used" in said
    write(tmp_path / "train.csv", TRAIN, None)
    write(tmp_path / "test.csv", TEST[:, 1:], None)
    check(read(tmp_path), {None: TRAIN})


def test_without_a_header_the_label_is_first_or_where_the_setting_says(tmp_path: Path) -> None:
    write(tmp_path / "mnist_train.csv", TRAIN, None)
    write(tmp_path / "mnist_test.csv", TEST, None)
    check(read(tmp_path), {"train": TRAIN, "test": TEST})
    assert "no header: the label is in column 0" in describe(tmp_path)
    last = write(tmp_path / "last.csv", np.roll(TRAIN, -1, axis=1), None)
    check(read(last, label_column="16"), {None: TRAIN})
    for column in ("17", "label", "-1"):
        with pytest.raises(ConfigError, match="is not the number of a column"):
            read(last, label_column=column)


@pytest.mark.parametrize(
    "names",
    [
        [f"{row}x{column}" for row in range(1, 5) for column in range(1, 5)],
        [f"pixel{n}" for n in range(16)],
        [f"{n + 1}" for n in range(16)],
    ],
)
def test_pixels_are_in_the_order_of_their_numbers(tmp_path: Path, names) -> None:
    order = RNG.permutation(16)
    rows = np.column_stack([np.arange(40), TRAIN[:, 1:][:, order], TRAIN[:, 0]])
    path = write(tmp_path / "a.csv", rows, ["Unnamed: 0", *(names[n] for n in order), "class"])
    check(read(path), {None: TRAIN})
    assert "columns not used: 'Unnamed: 0'" in describe(path)


def test_names_of_rows_and_columns_give_the_shape(tmp_path: Path) -> None:
    names = [f"{row}x{column}" for row in range(1, 3) for column in range(1, 9)]
    path = write(tmp_path / "a.csv", TRAIN, ["label", *names])
    np.testing.assert_array_equal(read(path)[None][0], TRAIN[:, 1:].reshape(-1, 2, 8, 1))


def test_the_setting_gives_the_shape(tmp_path: Path) -> None:
    rows = TRAIN[:, :13]
    path = write(tmp_path / "a.csv", rows, NAMES[:13])
    with pytest.raises(BadDataError, match="are no squares") as caught:
        read(path)
    assert caught.value.remedy.startswith("--set ingest.shape=[2,2,3]")
    images = rows[:, 1:]
    for settings, wanted in [
        ({"shape": (3, 4)}, images.reshape(-1, 3, 4, 1)),
        ({"shape": (2, 2, 3)}, images.reshape(-1, 2, 2, 3)),
        ({"shape": (2, 2, 3), "axes": "CHW"}, images.reshape(-1, 3, 2, 2).transpose(0, 2, 3, 1)),
        ({"shape": (3, 4), "transpose": True}, images.reshape(-1, 3, 4, 1).swapaxes(1, 2)),
    ]:
        np.testing.assert_array_equal(read(path, **settings)[None][0], wanted)
    for shape in ((2, 2), (12,), (-3, -4), (1, 2, 2, 3)):
        with pytest.raises(ConfigError, match="does not fit the table"):
            read(path, shape=shape)
    path = write(tmp_path / "b.csv", TRAIN[:, :8], NAMES[:8])
    with pytest.raises(BadDataError, match="are no squares"):
        read(path)


def test_labels_from_1(tmp_path: Path) -> None:
    rows = TRAIN + np.eye(1, 17, dtype=int)
    path = write(tmp_path / "a.csv", rows)
    with pytest.raises(BadDataError, match="have gaps") as caught:
        read(path)
    assert "ingest.first_label=1" in caught.value.remedy
    check(read(path, first_label=1), {None: TRAIN})


def test_quotes_spaces_zeros_marks_and_empty_lines(tmp_path: Path) -> None:
    header, *lines = write(tmp_path / "a.csv", TRAIN).read_text().splitlines()
    lines[3] = ",".join(f'"{cell}"' for cell in lines[3].split(","))
    lines[7] = lines[7].replace(",", " , ")
    lines[9] = ",".join(cell.zfill(5) for cell in lines[9].split(","))
    header = ",".join(f'"{name}"' for name in header.split(","))
    path = tmp_path / "b.csv"
    path.write_text("\ufeff" + "\n".join([header, "", *lines, "", ""]), encoding="utf-8")
    check(read(path), {None: TRAIN})
    path.write_text("\ufeff" + "\n".join(lines), encoding="utf-8")  # nor an end of the last line
    check(read(path), {None: TRAIN})


def edit(path: Path, line: int, column: int, cell: str | None) -> None:
    """Replace a cell; None removes it."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    lines[line - 1][column : column + 1] = [] if cell is None else [cell]
    path.write_text("".join(",".join(cells) + "\n" for cells in lines))


@pytest.mark.parametrize(
    ("line", "column", "cell", "got"),
    [
        (5, 7, "256", "line 5, column 7: '256'"),
        (5, 7, "-1", "line 5, column 7: '-1'"),
        (41, 16, "0.5", "line 41, column 16: '0.5'"),
        (2, 1, "", "line 2, column 1: ''"),
        (9, 3, "nan", "line 9, column 3: 'nan'"),
        (9, 3, "9" * 30, f"line 9, column 3: '{'9' * 30}'"),
        (9, 3, "\x1b[31m", r"line 9, column 3: '\x1b[31m'"),
        (9, 3, "٣", "line 9, column 3: '٣'"),
        (4, 0, "cat", "line 4, column 0: 'cat'"),
        (4, 0, "1.0", "line 4, column 0: '1.0'"),
        (4, 0, "1234567890", "line 4, column 0: '1234567890'"),
        (6, 2, None, "line 6"),
        (6, 2, "1,2", "line 6"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1 << 20, 100])
def test_a_wrong_cell_is_named(tmp_path, line, column, cell, got, block_bytes, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    path = write(tmp_path / "a.csv", TRAIN)
    edit(path, line, column, cell)
    with pytest.raises(BadDataError, match=r"a\.csv has a") as caught:
        read(path)
    assert caught.value.got == got


def test_two_rows_in_one_line_are_not_taken_for_two(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", TRAIN)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], f"{lines[5]},{lines[6]}", *lines[7:]]))
    with pytest.raises(BadDataError, match="a row of 34 cells"):
        read(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "contains no images"),
        (b"label,pixel0\n", "contains no images"),
        (b"\n\n", "contains no images"),
        (b"pixel0,pixel1\n1,2\n", "has no column with the label"),
        (b"label,pixel0,pixel2\n1,2,3\n", "do not count the pixels"),
        (b"label,pixel0,pixel00\n1,2,3\n", "do not count the pixels"),
        (b"label,a,b\n1,2,3\n", "do not count the pixels"),
        (b"label\n1\n", "do not count the pixels"),
        (b"7\n1\n", "do not count the pixels"),
        (b"PK\x03\x04", "has no column with the label"),
        (b"\x1f\x8b\x08\x00", "truncated or corrupt"),
        (gzip.compress(b"label,p0\n0,1\n1,2\n", mtime=0)[:-3], "truncated or corrupt"),
    ],
)
def test_files_that_are_no_such_table(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(BadDataError, match=words):
        read(tmp_path / "a.csv")


def test_settings_and_files_that_are_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", np.column_stack([TRAIN, TRAIN[:, 0]]), [*NAMES, "y"])
    with pytest.raises(ConfigError, match="several columns that may be the label"):
        read(path)
    check(read(path, label_column="y"), {None: TRAIN})
    with pytest.raises(BadDataError, match="has no column with the label") as caught:
        read(path, label_column="labl")
    assert "'label'" in caught.value.remedy
    with pytest.raises(BadDataError, match="does not exist"):
        read(tmp_path / "none.csv")
    write(tmp_path / "b.csv", TRAIN)
    with pytest.raises(BadDataError, match="no table of the split train"):
        read(tmp_path)
    for name in ("a_train.csv", "b_train.csv"):
        write(tmp_path / name, TRAIN)
    with pytest.raises(ConfigError, match="2 datasets"):
        read(tmp_path)
    check(read(tmp_path, name="b"), {None: TRAIN})
    write(tmp_path / "c/train.csv", TRAIN)
    write(tmp_path / "c/test.csv", TRAIN[:, :10], NAMES[:10])
    with pytest.raises(BadDataError, match="different sizes"):
        read(tmp_path / "c")


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("compress", [True, False])
def test_an_endless_line_is_refused(tmp_path: Path, header, compress, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1000)
    for module in (blocks, table):
        monkeypatch.setattr(module, "MOST_LINE_BYTES", 10_000)
    content = b"label,p0\n" * header + b"1" * 50_000 + b"\n"
    (tmp_path / "a.csv").write_bytes(gzip.compress(content, mtime=0) if compress else content)
    with pytest.raises(BadDataError, match="has a line of more than") as caught:
        read(tmp_path / "a.csv")
    assert caught.value.got == f"line {1 + header}"


def test_a_file_that_changes_after_it_was_opened(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", TRAIN)
    source = PixelsCsvSource(SourceConfig(path=str(path)))
    for rows in (make_rows(41), make_rows(39)):
        write(path, rows)
        with pytest.raises(BadDataError, match="does not have the length"):
            list(source.read(source.parts()[0]))


def read_naively(path: Path) -> np.ndarray:
    """All rows as integers; asserts that the table is whole."""
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    rows = [row for row in csv.reader(text.splitlines()) if row]
    if not all(cell.strip().lstrip("-").replace(".", "", 1).isdecimal() for cell in rows[0]):
        rows = rows[1:]
    return np.array([[int(cell) for cell in row] for row in rows])


def mutate_and_read(folder: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    path = folder / "mutated.csv"
    content = bytearray((folder / f"{seed % 2}.csv").read_bytes())
    for _ in range(draw.integers(1, 4)):
        place = int(draw.integers(len(content)))
        tokens = [b"", b",", b"\n", b"0", b"-", b'"', b" ", b"\r", b"\0", b"\xff", b"9" * 20]
        token = tokens[draw.integers(len(tokens))]
        content[place : place + int(draw.integers(0, 3))] = token
    if draw.random() < 0.2:
        del content[int(draw.integers(len(content))) :]
    path.write_bytes(content)
    try:
        found = read(path)
    except PenstockError:
        return
    rows = read_naively(path)
    np.testing.assert_array_equal(found[None][1], rows[:, 0])
    np.testing.assert_array_equal(found[None][0].reshape(len(rows), -1), rows[:, 1:])


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A folder with a table without and one with a header."""
    for number, names in enumerate((None, NAMES)):
        write(tmp_path / f"{number}.csv", TRAIN, names)
    return tmp_path


def test_300_mutated_tables(whole: Path) -> None:
    for seed in range(300):
        mutate_and_read(whole, seed)


@pytest.mark.torture
def test_ten_thousand_mutated_tables(whole: Path) -> None:
    for seed in range(1000, 11_000):
        mutate_and_read(whole, seed)


def test_plain_blocks_are_parsed_at_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cells, "_parse_slowly", None)
    check(read(write(tmp_path / "a.csv", TRAIN)), {None: TRAIN})
