"""TFRecord files that TensorFlow wrote: what is read is what was written, or an error says why."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stores  # noqa: F401  registers box://
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfrecord_files import make_example, make_pixels, write_tfrecord

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.files.tfrecord_frames import frame_record, masked_crc
from data.sources import Source, SourceConfig, make_source
from data.sources.file_source import FileSource
from data.sources.records import labelled_records, record_stream
from data.sources.records.encoded import EncodedRecords
from data.sources.records.example_message import get_kind, parse_example
from data.sources.records.pixels import PixelRecords
from data.sources.records.record_files import list_record_files

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 4, 5, 3), dtype=np.uint8)
LABELS = np.arange(30) % 3
PNG = [tf.io.encode_png(image).numpy() for image in IMAGES]
SIZES = {"height": 4, "width": 5, "depth": 3}


def make(path: Path | str, **config: Any) -> Any:
    """Make the source, as a worker gets it once the launching process has listed the files."""
    source = make_source("tfrecord", SourceConfig(path=str(path), **config))
    assert isinstance(source, Source | FileSource)
    if isinstance(source, Source):
        source.spec(), source.parts()
    else:
        source.class_names(), source.list_parts()
    return pickle.loads(pickle.dumps(source))


def read_pixels(source: PixelRecords) -> dict[str | None, tuple[np.ndarray, np.ndarray]]:
    """Read all images and labels of each split."""
    chunks: dict[str | None, list[Any]] = {}
    for part in source.parts():
        chunks.setdefault(part.split, []).extend(source.read(part))
    return {
        split: tuple(map(np.concatenate, zip(*found, strict=True)))
        for split, found in chunks.items()
    }


def read_files(source: EncodedRecords) -> list[Any]:
    parts = source.list_parts()
    files = [list(source.read_files(part)) for part in parts]
    assert [len(read) for read in files] == [part.files for part in parts]
    return [file for read in files for file in read]


def read(source: PixelRecords | EncodedRecords) -> Any:
    return read_pixels(source) if isinstance(source, PixelRecords) else read_files(source)


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
@pytest.mark.parametrize("scheme", ["", "box://"])
def test_pixels_in_shards_of_splits(tmp_path: Path, compression: str, scheme: str) -> None:
    records = make_pixels(IMAGES, LABELS, **SIZES)
    for split, (start, stop) in {"train": (0, 20), "test": (20, 30)}.items():
        for index in range(2):
            name = f"mnist-{split}.tfrecord-{index:05}-of-00002"
            write_tfrecord(tmp_path / name, records[start:stop][index::2], compression)
    (tmp_path / "features.json").write_text("{}")
    source = make(f"{scheme}{tmp_path}")
    assert (source.num_images(), source.spec().shape) == (30, (4, 5, 3))
    assert "'label'; splits by the files' names: 'test' from 'test'" in source.describe()
    assert "not read: features.json, not a TFRecord file" in source.describe()
    for split, (images, labels) in read_pixels(source).items():
        start, stop = (0, 20) if split == "train" else (20, 30)
        order = [*range(start, stop, 2), *range(start + 1, stop, 2)]
        np.testing.assert_array_equal(images, IMAGES[order])
        np.testing.assert_array_equal(labels, LABELS[order])


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_encoded_images_with_names(
    tmp_path: Path, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.sources.file_source.PART_FILES", 7)
    names = ["ü", "a", "b"]
    records = [
        {"image/encoded": png, "image/class/label": label, "image/class/text": names[label]}
        for png, label in zip(PNG, LABELS, strict=True)
    ]
    write_tfrecord(tmp_path / "train-00000-of-00001", records[:20], compression)
    write_tfrecord(tmp_path / "validation-00000-of-00001", records[20:], compression)
    write_tfrecord(tmp_path / "extra-00000-of-00001", records[20:], compression)
    source = make(tmp_path)
    assert source.class_names() == ("a", "b", "ü")
    assert len(source.list_parts()) == 5
    files = read_files(source)
    assert [file.content for file in files] == PNG
    assert [file.label for file in files] == [names[label] for label in LABELS]
    assert [file.split for file in files] == [None] * 20 + ["validation"] * 10
    assert files[21].name == "validation-00000-of-00001[1]"
    assert source.given_splits() == {None, "validation"}
    assert source.left_out() == [("extra-00000-of-00001", "the split 'extra' is not read")]
    assert "labels from 'image/class/text'" in source.describe()
    # in any order, as workers may read
    parts = source.list_parts()
    assert [file for p in parts[::-1] for file in source.read_files(p)][-7:] == files[:7]


def test_a_file_by_itself_has_no_split(tmp_path: Path) -> None:
    path = write_tfrecord(tmp_path / "my-test-file", make_pixels(IMAGES[..., 0], LABELS, h=4, w=5))
    (split, (images, _)), *others = read_pixels(make(path)).items()
    assert (split, others) == (None, [])
    np.testing.assert_array_equal(images, IMAGES[..., :1])


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-01024", "train"),
        ("mnist-test.tfrecord-00003-of-00010", "test"),
        ("Validation.tfrecords.gz", "validation"),
        ("training/part-17.tfrecord", "train"),
        ("train/val_003.tfrecord", "validation"),
        ("train/17.tfrecord", "train"),
    ],
)
def test_splits_by_names(name: str, split: str, tmp_path: Path) -> None:
    other = "test-0-of-1" if split == "train" else "train-0-of-1"
    for file in (name, other):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        write_tfrecord(tmp_path / file, make_pixels(IMAGES, LABELS, **SIZES))
    files = list_record_files(SourceConfig(path=str(tmp_path))).files
    expected = {other: other.partition("-")[0], name: split}
    if "test" not in expected.values():
        expected[other] = None  # a share of train is cut
    assert {file.name: file.split for file in files} == expected


def test_own_splits_by_a_setting(tmp_path: Path) -> None:
    records = make_pixels(IMAGES, LABELS, **SIZES)
    write_tfrecord(tmp_path / "alpha.tfrecord", records[:20])
    write_tfrecord(tmp_path / "beta.tfrecord", records[20:])
    found = read_pixels(make(tmp_path, splits={"train": "beta", "test": "alpha"}))
    np.testing.assert_array_equal(found["train"][0], IMAGES[20:])
    assert read_pixels(make(tmp_path)).keys() == {None}
    with pytest.raises(ConfigError, match="a split that is not there"):
        make(tmp_path, splits={"train": "gamma"})


@pytest.mark.parametrize("axes", ["HWC", "CHW"])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("kind", ["bytes", "int64"])
def test_pixels_in_any_order(tmp_path: Path, axes: Any, transpose: bool, kind: str) -> None:
    stored = IMAGES.swapaxes(1, 2) if transpose else IMAGES
    stored = np.moveaxis(stored, 3, 1) if axes == "CHW" else stored
    records = [
        {"x": image.tobytes() if kind == "bytes" else image.reshape(-1).astype(int), "y": label}
        for image, label in zip(stored, LABELS + 5, strict=True)
    ]
    path = write_tfrecord(tmp_path / "a.tfrecord", records)
    source = make(path, shape=(4, 5, 3), axes=axes, transpose=transpose, first_label=5)
    images, labels = read_pixels(source)[None]
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("channels", [1, 3])
def test_squares_need_no_size(tmp_path: Path, channels: int) -> None:
    images = RNG.integers(0, 256, (6, 5, 5, channels), dtype=np.uint8)
    path = write_tfrecord(tmp_path / "a.tfrecord", make_pixels(images, LABELS[:6]))
    np.testing.assert_array_equal(read_pixels(make(path))[None][0], images)


def test_class_names_are_given(tmp_path: Path) -> None:
    path = write_tfrecord(tmp_path / "a", make_pixels(IMAGES, LABELS, **SIZES))
    assert make(path, class_names=("a", "b", "c", "d")).spec().num_classes == 4
    named = write_tfrecord(
        tmp_path / "b", make_pixels(IMAGES, map("cab".__getitem__, LABELS), **SIZES)
    )
    source = make(named, class_names=tuple("abc"))
    np.testing.assert_array_equal(read_pixels(source)[None][1], [2, 0, 1] * 10)


def test_features_by_setting_or_by_their_first_bytes(tmp_path: Path) -> None:
    records = [{"q": p, "r": int(n), "s": 1} for p, n in zip(PNG, LABELS, strict=True)]
    path = write_tfrecord(tmp_path / "a", records)
    source = make(path, label_column="r")
    assert [file.content for file in read_files(source)] == PNG
    assert read_files(make(path, image_column="q", label_column="r")) == read_files(source)


FIT = {"image": PNG[0], "label": 0}
OTHER = {"image": PNG[1], "label": 1}
RAW = {"image": IMAGES[0].tobytes(), "label": 0, **SIZES}


@pytest.mark.parametrize(
    ("records", "config", "error", "words"),
    [
        ([{"label": 1, "q": b"x"}], {}, ConfigError, "q: 1 bytes value of 1 bytes"),
        ([{**FIT, "img": PNG[0]}], {}, ConfigError, "image, img"),
        ([{"image": PNG[0], "z": 1}], {}, ConfigError, "no feature that could be the label"),
        ([{**FIT, "y": 1}], {}, ConfigError, "label, y"),
        ([FIT], {"image_column": "imag"}, ConfigError, "did you mean 'image'"),
        ([FIT], {"label_column": "lab"}, ConfigError, "ingest.label_column = 'lab'"),
        ([FIT, OTHER], {"axes": "CHW"}, ConfigError, "cannot use ingest.axes"),
        ([{}], {}, ConfigError, "no features"),
        ([b"\xff\xff\xff"], {}, BadDataError, "no tf.Example"),
        ([FIT, OTHER, b"\xff\xff\xff"], {}, BadDataError, "record 2 of"),
        ([], {}, BadDataError, "has no records"),
        ([{"image": [0.5, 1.0], "label": 1}], {}, BadDataError, "pixels that are floats"),
        ([{"image": [-1, 256], "label": 1}], {}, BadDataError, "pixels from -1 to 256"),
        ([{"image": [b"a", b"b"], "label": 1}], {}, BadDataError, "image: 2 bytes values"),
        ([{"image": b"abc de", "label": 1}], {}, BadDataError, "6 values"),
        ([{**RAW, "image": b"abcd"}], {}, BadDataError, "4 x 5 x 3 = 60"),
        ([RAW], {"shape": (4, 5)}, BadDataError, "4 x 5 = 20"),
        ([RAW, {**RAW, "image": b"abcd"}, {**RAW, "label": 1}], {}, BadDataError, "4 pixels"),
        ([RAW, {**RAW, "height": 5, "width": 4, "label": 1}], {}, BadDataError, "5 x 4 x 3"),
        ([RAW, {**RAW, "label": 1, "depth": "3"}], {}, BadDataError, "depth: 1 bytes value"),
        ([FIT, {**FIT, "label": 0.5}], {}, BadDataError, "label: 1 float value"),
        ([FIT, {**FIT, "label": [0, 1]}], {}, BadDataError, "label: 2 int64 values"),
        ([FIT, {"image": PNG[0]}], {}, BadDataError, "label: no such feature"),
        ([FIT, {**FIT, "label": "cat"}], {}, BadDataError, "both 0 and 'cat'"),
        ([FIT, {**FIT, "label": 2}], {}, BadDataError, "no image of 1"),
        ([FIT, OTHER], {"class_names": ("a",)}, BadDataError, "1, 1 times"),
        ([{**FIT, "label": "a"}, {**FIT, "label": "A"}], {}, BadDataError, "equal but for case"),
    ],
)
def test_records_that_cannot_be_used(
    tmp_path: Path, records: list[Any], config: dict, error: type[Exception], words: str
) -> None:
    path = write_tfrecord(tmp_path / "a.tfrecord", records)
    with pytest.raises(error) as caught:
        read(make(path, **config))
    assert words in str(caught.value)
    assert all((caught.value.expected, caught.value.got, caught.value.follows, caught.value.remedy))


def test_a_record_without_its_image_is_a_bad_file(tmp_path: Path) -> None:
    records = [FIT, OTHER, {"label": 1}, {**OTHER, "image": b""}]
    files = read_files(make(write_tfrecord(tmp_path / "a", records)))
    assert [file.problem for file in files] == [
        None,
        None,
        "image: no such feature",
        "an empty image",
    ]


def test_too_many_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled_records, "MOST_LABELS", 5)
    path = write_tfrecord(tmp_path / "a", make_pixels(IMAGES, range(30), **SIZES))
    with pytest.raises(BadDataError, match="no classes"):
        make(path)


def test_a_folder_without_records(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(BadDataError, match="has no TFRecord file") as caught:
        make(tmp_path)
    assert caught.value.got == "a.jpg"
    with pytest.raises(BadDataError, match="does not exist"):
        make(tmp_path / "none")
    with pytest.raises(BadDataError, match="does not exist"):
        make(f"box://{tmp_path}/none")
    (tmp_path / "b.tfrecord").symlink_to(tmp_path / "gone")
    with pytest.raises(BadDataError, match="does not exist"):
        make(tmp_path)


def test_a_changed_file(tmp_path: Path) -> None:
    records = make_pixels(IMAGES, LABELS, **SIZES)
    source = make(write_tfrecord(tmp_path / "a", records))
    write_tfrecord(tmp_path / "a", records[:-1])
    with pytest.raises(BadDataError, match="record 29") as caught:
        read_pixels(source)
    assert caught.value.got == "the end of the file"
    write_tfrecord(tmp_path / "a", [*records[:-1], {**records[-1], "label": 7}])
    with pytest.raises(BadDataError, match="record 29") as caught:
        read_pixels(source)
    assert caught.value.got == "7"


def damage(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


HUGE = {n: (1 << n).to_bytes(8, "little") for n in (29, 40, 62, 63)}


@pytest.mark.parametrize("compression", ["", "GZIP"])
@pytest.mark.parametrize("bits", HUGE)
def test_a_length_is_not_believed(tmp_path: Path, compression: str, bits: int) -> None:
    header = HUGE[bits] + masked_crc(HUGE[bits])
    content = frame_record(make_example(RAW)) + header + b"x" * 100
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(content) if compression else content)
    with pytest.raises(BadDataError, match="record 1 cannot be read") as caught:
        make(path)
    assert f"a length of {1 << bits} bytes" in str(caught.value.got)


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_any_cut_and_any_flipped_bit_is_noticed(tmp_path: Path, compression: str) -> None:
    path = write_tfrecord(tmp_path / "a", make_pixels(IMAGES[:4], LABELS[:4], **SIZES), compression)
    whole = path.read_bytes()
    ends, at = {0}, 0
    while not compression and at < len(whole):
        at += int.from_bytes(whole[at : at + 8], "little") + 16
        ends.add(at)
    for place in range(0, len(whole), 7):
        for content in (whole[:place], damage(whole, place)):
            if content == whole[:place] and place in ends:
                continue
            path.write_bytes(content)
            try:
                images, _ = read_pixels(make(path))[None]
            except (BadDataError, ConfigError):
                continue
            # a header of gzip has bytes that mean nothing, such as its time
            np.testing.assert_array_equal(images, IMAGES[:4])
            assert compression
            assert content != whole[:place]


def test_a_length_that_looks_like_gzip(tmp_path: Path) -> None:
    content = b"x" * 0x088B1F
    path = tmp_path / "a"
    path.write_bytes(frame_record(content))
    assert path.read_bytes()[:3] == b"\x1f\x8b\x08"
    assert [read for _, read in record_stream.read_records(path)] == [content]


def test_a_large_record_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_stream, "_AT_A_TIME", 50)
    contents = [bytes(range(n)) for n in (0, 10, 49, 50, 51, 100, 240)]
    path = write_tfrecord(tmp_path / "a", contents, "GZIP")
    assert [read for _, read in record_stream.read_records(path)] == contents
    monkeypatch.setattr(record_stream, "MOST_BYTES", 100)
    with pytest.raises(BadDataError, match="record 6 cannot be read"):
        list(record_stream.read_records(path))


def test_several_members(tmp_path: Path) -> None:
    first, second = (
        write_tfrecord(tmp_path / n, [n.encode()], "GZIP").read_bytes() for n in ("a", "b")
    )
    (tmp_path / "c").write_bytes(first + second)
    assert [read for _, read in record_stream.read_records(tmp_path / "c")] == [b"a", b"b"]


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tfrecord(tmp_path / "a", [])

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(EnvironmentTrouble, match="cannot be read"):
        make(path)


VALUES = st.one_of(
    st.lists(st.binary(max_size=20)),
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.floats(width=32, allow_nan=False)),
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=5), VALUES))
def test_examples_are_parsed_as_tensorflow_does(features: dict[str, list[Any]]) -> None:
    content = make_example(features)
    theirs = tf.train.Example.FromString(content).features.feature
    ours = parse_example(content)
    assert set(ours) == set(theirs) == set(features)
    for name, values in features.items():
        kind = get_kind(ours[name])
        assert (kind is None) == (not values)
        if kind is not None:
            assert kind == theirs[name].WhichOneof("kind")
            assert list(getattr(ours[name], kind).value) == values
