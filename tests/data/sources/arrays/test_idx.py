"""The IDX reader: what it reads, what it refuses, and thousands of mutations of good files."""

from __future__ import annotations

import gzip
import math
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import idx_files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.sources import SourceConfig
from data.sources.arrays import labelled_images
from data.sources.arrays.idx import IdxSource

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 256, (30, 5, 4), dtype=np.uint8), np.arange(30) % 3
TEST = RNG.integers(0, 256, (7, 5, 4), dtype=np.uint8), np.arange(7) % 3
FILES = [
    f"{prefix}-{kind}" for prefix in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
]


def read(folder: Path, **settings) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """All that the source gives, by split, its parts read one by one."""
    source = pickle.loads(pickle.dumps(IdxSource(SourceConfig(path=str(folder), **settings))))
    chunks = {"train": [], "test": []}
    for part in source.parts():
        chunks[part.split] += list(source.read(part))
    found = {
        split: tuple(np.concatenate([c[i] for c in some]) for i in (0, 1))
        for split, some in chunks.items()
    }
    assert sum(len(labels) for _, labels in found.values()) == source.num_images()
    return found


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A folder with the four files, gzip unless the test asks for plain ones."""
    compress = getattr(request, "param", "gzip") == "gzip"
    return idx_files.write_idx(tmp_path / "idx", TRAIN, TEST, compress=compress)


def change(path: Path, edit: Callable[[bytes], bytes]) -> None:
    """Edit what the file holds, inside its compression."""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(edit(gzip.decompress(path.read_bytes()))))
    else:
        path.write_bytes(edit(path.read_bytes()))


def file(folder: Path, name: str) -> Path:
    (found,) = folder.glob(f"{name}*")
    return found


@pytest.mark.parametrize("folder", ["gzip", "plain"], indirect=True)
@pytest.mark.parametrize("part_images", [20_000, 7, 1])
@pytest.mark.parametrize("chunk_images", [2048, 4])
def test_it_reads_what_was_written(folder, part_images, chunk_images, monkeypatch) -> None:
    monkeypatch.setattr(labelled_images, "PART_IMAGES", part_images)
    monkeypatch.setattr("data.sources.source.CHUNK_IMAGES", chunk_images)
    found = read(folder)
    for split, (images, labels) in {"train": TRAIN, "test": TEST}.items():
        np.testing.assert_array_equal(found[split][0], images[..., np.newaxis])
        np.testing.assert_array_equal(found[split][1], labels)
        assert found[split][0].dtype == np.uint8
        assert found[split][1].dtype == np.int64


def test_names_with_dots_and_a_mixture_of_compressed_and_plain(folder: Path) -> None:
    for number, path in enumerate(sorted(folder.iterdir())):
        name = path.name.replace("-idx", ".idx") if number % 2 else path.name
        if number in (0, 1):
            (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
        else:
            path.rename(folder / name)
    np.testing.assert_array_equal(read(folder)["train"][0][..., 0], TRAIN[0])


def test_a_name_does_not_say_whether_a_file_is_compressed(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(gzip.decompress(path.read_bytes()))
    np.testing.assert_array_equal(read(folder)["test"][1], TEST[1])


def test_class_names(folder: Path) -> None:
    def names(**config) -> tuple[str, ...]:
        return IdxSource(SourceConfig(path=str(folder), **config)).spec().class_names

    assert names() == ("0", "1", "2")
    assert names(class_names=("a", "b", "c", "never")) == ("a", "b", "c", "never")


def write(folder: Path, name: str, array: np.ndarray, ending: str) -> None:
    """Write an array of uint8 or int32, compressed."""
    start = bytes((0, 0, {1: 8, 4: 12}[array.dtype.itemsize], array.ndim))
    content = start + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    (folder / f"{name}-{ending}.gz").write_bytes(gzip.compress(content, 1))


def make_emnist(folder: Path, dataset: str = "letters", first_label: int = 1) -> None:
    """Write files as EMNIST's: images transposed, labels from 1."""
    folder.mkdir(exist_ok=True)
    for split, (images, labels) in {"train": TRAIN, "test": TEST}.items():
        stem = f"emnist-{dataset}-{split}"
        write(folder, f"{stem}-images", images.swapaxes(1, 2).copy(), "idx3-ubyte")
        write(folder, f"{stem}-labels", (labels + first_label).astype("u1"), "idx1-ubyte")


def test_emnist_is_transposed_and_says_so(tmp_path: Path) -> None:
    make_emnist(tmp_path)
    found = read(tmp_path, first_label=1)
    np.testing.assert_array_equal(found["train"][0][..., 0], TRAIN[0])
    np.testing.assert_array_equal(found["test"][1], TEST[1])
    source = IdxSource(SourceConfig(path=str(tmp_path), first_label=1))
    assert source.spec().shape == (5, 4, 1)
    assert source.spec().class_names == ("1", "2", "3")
    assert "--set ingest.transpose=false" in source.describe()
    settings = SourceConfig(path=str(tmp_path), first_label=1, transpose=False)
    assert IdxSource(settings).spec().shape == (4, 5, 1)
    assert IdxSource(settings).describe() == ""


def test_labels_from_1_name_the_setting(tmp_path: Path) -> None:
    make_emnist(tmp_path)
    with pytest.raises(BadDataError, match="have gaps") as caught:
        read(tmp_path)
    assert "--set ingest.first_label=1" in caught.value.remedy


def test_of_several_datasets_in_a_folder_the_name_chooses(tmp_path: Path) -> None:
    for number, dataset in enumerate(("letters", "mnist")):
        make_emnist(tmp_path, dataset, number)
    with pytest.raises(ConfigError, match="holds the files of 2 datasets") as caught:
        read(tmp_path)
    assert caught.value.got == "emnist-letters, emnist-mnist"
    assert "--set ingest.name=emnist-letters" in caught.value.remedy
    with pytest.raises(ConfigError, match="2 datasets"):
        read(tmp_path, name="mnist")
    source = IdxSource(SourceConfig(path=str(tmp_path), name="emnist-letters"))
    assert source.spec().class_names == ("0", "1", "2")
    assert "not used: emnist-mnist-test-images-idx3-ubyte.gz, " in source.describe()


def test_qmnist_has_labels_in_the_first_of_eight_columns(tmp_path: Path) -> None:
    for split, (images, labels) in {"train": TRAIN, "test": TEST}.items():
        further = RNG.integers(0, 1 << 31, (len(labels), 7))
        columns = np.column_stack([labels, further]).astype(">i4")
        write(tmp_path, f"qmnist-{split}-images", images, "idx3-ubyte")
        write(tmp_path, f"qmnist-{split}-labels", columns, "idx2-int")
    found = read(tmp_path, name="mnist")  # of another source; there is one dataset
    for split, (images, labels) in {"train": TRAIN, "test": TEST}.items():
        np.testing.assert_array_equal(found[split][0][..., 0], images)
        np.testing.assert_array_equal(found[split][1], labels)


def test_a_validation_split_is_kept(folder: Path) -> None:
    for path in folder.glob("t10k-*"):
        shutil.copy(path, folder / path.name.replace("t10k", "val"))
    source = IdxSource(SourceConfig(path=str(folder)))
    assert [part.split for part in source.parts()] == ["train", "validation", "test"]


def header(*shape: int) -> bytes:
    return bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)


BAD = {
    "wrong magic": (
        "train-images",
        lambda c: b"\0\0\x0d\x03" + c[4:],
        "float32 in 3 dimensions: 30 x 5 x 4",
    ),
    "labels for images": ("train-images", lambda c: header(30) + c[16:], "uint8 in 1"),
    "no header": ("train-images", lambda c: b"PK" + c[2:], "no header: 16 bytes, 50 4b 08 03"),
    "a header of 255": ("train-labels", lambda c: c[:3] + b"\xff" + c[4:], "no header: 36 bytes"),
    "images for labels": ("train-labels", lambda c: header(30, 1, 1) + c[8:], "30 x 1 x 1"),
    "no columns": ("train-labels", lambda c: header(30, 0), "30 x 0"),
    "an empty file": ("t10k-images", lambda c: b"", "an empty file"),
    "half a header": ("t10k-images", lambda c: c[:9], "9 bytes"),
    "height 0": ("*-images", lambda c: c[:8] + bytes(4) + c[12:16], "invalid image shape"),
    "no images at all": ("train-", lambda c: c[:4] + bytes(4) + c[8 : 4 + 4 * c[3]], "no image"),
    "absurd width": ("train-images", lambda c: header(30, 5, 1 << 31) + c[16:], "2147483648"),
    "absurd count": ("train-images", lambda c: header((1 << 32) - 1, 5, 4) + c[16:], "4294967295"),
    "fewer labels than images": ("train-labels", lambda c: header(29) + c[8:-1], "29 in"),
    "fewer images than labels": ("t10k-images", lambda c: header(6, 5, 4) + c[16:-20], "6 images"),
    "the end missing": ("train-images", lambda c: c[:-1], "the length that its header states"),
    "labels' end missing": ("train-labels", lambda c: c[:-1], "the length that its header states"),
    "trailing bytes": ("train-images", lambda c: c + b"\0", "the length that its header states"),
    "labels' trailing bytes": (
        "t10k-labels",
        lambda c: c + b"\0",
        "the length that its header states",
    ),
    "a label out of range": ("train-labels", lambda c: c[:-1] + b"\xc8", "have gaps"),
    "splits of two sizes": ("t10k-images", lambda c: header(7, 4, 5) + c[16:], "different sizes"),
}


@pytest.mark.parametrize("folder", ["gzip", "plain"], indirect=True)
@pytest.mark.parametrize("case", BAD)
def test_bad_files(folder: Path, case: str) -> None:
    start, edit, words = BAD[case]
    for path in folder.glob(f"{start}*"):
        change(path, edit)
    with pytest.raises(BadDataError) as caught:
        read(folder)
    message = str(caught.value)
    assert words in message
    assert "got:" in message
    assert "do:" in message


@pytest.mark.parametrize("kept", [0, 1, 10, 19, 30, -9, -8, -1])
@pytest.mark.parametrize("name", FILES)
def test_truncated_gzip(folder: Path, name: str, kept: int) -> None:
    path = file(folder, name)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadDataError, match=path.name):
        read(folder)


def test_gzip_with_a_wrong_checksum(folder: Path) -> None:
    path = file(folder, "train-images")
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadDataError, match="truncated or corrupt"):
        read(folder)


def test_two_classes_asked_of_three(folder: Path) -> None:
    with pytest.raises(BadDataError, match="out of range") as caught:
        read(folder, class_names=("cat", "dog"))
    assert "0 to 1, for 2 given class names" in str(caught.value)
    assert "got:      2, 12 times" in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_names_what_was_looked_for(folder: Path, name: str) -> None:
    file(folder, name).unlink()
    with pytest.raises(BadDataError) as caught:
        read(folder)
    for wanted in (f"{name}-ubyte", f"{name}-ubyte.gz", f"{name}-ubyte".replace("-idx", ".idx")):
        assert wanted in str(caught.value)


def test_a_path_that_is_not_there_or_no_folder(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="does not exist"):
        read(tmp_path / "nowhere")
    with pytest.raises(BadDataError, match="does not exist"):
        read(file(folder, "train-images"))
    path = file(folder, "train-images")
    path.unlink()
    path.mkdir()
    with pytest.raises(BadDataError, match="does not exist"):
        read(folder)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_no_permission_is_the_environments_trouble(folder: Path, what: str, unprivileged) -> None:
    (folder if what == "folder" else file(folder, "train-labels")).chmod(0)
    try:
        with unprivileged(), pytest.raises(EnvironmentTrouble, match="cannot be read") as caught:
            read(folder)
    finally:
        folder.chmod(0o755)
    assert "Permission denied" in str(caught.value)


# Mutations: either the reader gives what a naive one gives, or it says BadDataError.


def naive(path: Path) -> np.ndarray:
    """Everything at once, by NumPy; asserts that the file is whole."""
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    dimensions = content[3]
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    assert len(content) == 4 + 4 * dimensions + math.prod(shape)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A function that does to bytes what a bad disk or a broken download would."""
    place, length = draw(st.floats(0, 1)), draw(st.integers(1, 8))
    noise = draw(st.binary(min_size=1, max_size=8))
    kind = draw(st.sampled_from(["cut", "flip", "remove", "insert", "header", "append", "twice"]))

    def mutate(content: bytes) -> bytes:
        at = int(place * len(content))
        edits = {
            "cut": lambda: content[:at],
            "flip": lambda: content[:at] + noise + content[at + len(noise) :],
            "remove": lambda: content[:at] + content[at + length :],
            "insert": lambda: content[:at] + noise + content[at:],
            "header": lambda: content[: at % 20] + noise + content[at % 20 + len(noise) :],
            "append": lambda: content + noise,
            "twice": lambda: content + content,
        }
        return edits[kind]()

    return mutate


@pytest.fixture(scope="module")
def survives(tmp_path_factory) -> Callable:
    """A function that mutates one of four good files and holds the reader to the naive one."""
    originals = {
        kind: idx_files.write_idx(
            tmp_path_factory.mktemp("original") / kind, TRAIN, TEST, compress=kind != "plain"
        )
        for kind in ("plain", "gzip", "inside gzip")
    }
    folder = tmp_path_factory.mktemp("mutated") / "idx"

    def check(kind: str, name: str, mutate: Callable[[bytes], bytes]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(originals[kind], folder)
        path = file(folder, name)
        if kind == "inside gzip":
            change(path, mutate)
        else:
            path.write_bytes(mutate(path.read_bytes()))
        try:
            found = read(folder)
        except BadDataError:
            return
        for split, prefix in {"train": "train", "test": "t10k"}.items():
            images, labels = (naive(file(folder, f"{prefix}-{k}")) for k in ("images", "labels"))
            np.testing.assert_array_equal(found[split][0][..., 0], images)
            np.testing.assert_array_equal(found[split][1], labels)

    return check


CASES = {
    "kind": st.sampled_from(["plain", "gzip", "inside gzip"]),
    "name": st.sampled_from(FILES),
    "mutate": mutations(),
}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(**CASES)
def test_mutated_files_are_read_right_or_refused(survives, kind, name, mutate) -> None:
    survives(kind, name, mutate)


@pytest.mark.torture
@settings(max_examples=10_000, deadline=None, derandomize=True)
@given(**CASES)
def test_ten_thousand_mutations(survives, kind, name, mutate) -> None:
    survives(kind, name, mutate)
