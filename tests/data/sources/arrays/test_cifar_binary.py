from __future__ import annotations

import pickle
from pathlib import Path

import cifar_files
import numpy as np
import pytest
from read_arrays import read_splits

from data.errors import BadDataError, ConfigError, PenstockError
from data.sources import SourceConfig
from data.sources.arrays import labelled_images
from data.sources.arrays.cifar_binary import CifarBinarySource

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 256, (23, 32, 32, 3), dtype=np.uint8), np.arange(23) % 10
TEST = RNG.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8), np.arange(7) % 10
BOTH = {
    split: (images, np.stack([labels * 2, labels * 7], 1))
    for split, (images, labels) in {"train": TRAIN, "test": TEST}.items()
}


@pytest.fixture
def cifar_10(tmp_path: Path) -> Path:
    return cifar_files.write_cifar_10(tmp_path / "10", TRAIN, TEST)


@pytest.fixture
def cifar_100(tmp_path: Path) -> Path:
    return cifar_files.write_cifar_100(tmp_path / "100", BOTH["train"], BOTH["test"])


def read(folder: Path, **settings) -> dict[str | None, tuple[np.ndarray, np.ndarray]]:
    return read_splits(CifarBinarySource(SourceConfig(path=str(folder), **settings)))


@pytest.mark.parametrize("part_images", [20_000, 2])
@pytest.mark.parametrize("chunk_images", [2048, 3])
def test_cifar_10_has_five_files_of_train(cifar_10, part_images, chunk_images, monkeypatch) -> None:
    monkeypatch.setattr(labelled_images, "PART_IMAGES", part_images)
    monkeypatch.setattr("data.sources.source.CHUNK_IMAGES", chunk_images)
    found = read(cifar_10)
    for split, (images, labels) in {"train": TRAIN, "test": TEST}.items():
        np.testing.assert_array_equal(found[split][0], images)
        np.testing.assert_array_equal(found[split][1], labels)


@pytest.mark.parametrize(("column", "index"), [(None, 1), ("fine_label", 1), ("coarse_label", 0)])
def test_cifar_100_has_two_labels(cifar_100: Path, column, index) -> None:
    found = read(cifar_100, label_column=column)
    for split, (images, labels) in BOTH.items():
        np.testing.assert_array_equal(found[split][0], images)
        np.testing.assert_array_equal(found[split][1], labels[:, index])
    spec = CifarBinarySource(SourceConfig(path=str(cifar_100), label_column=column)).spec()
    assert spec.class_names == tuple(map(str, range((20, 100)[index])))


def test_class_names_lie_beside_the_records(cifar_10: Path, cifar_100: Path) -> None:
    def get_names(folder: Path, **settings) -> tuple[str, ...]:
        return CifarBinarySource(SourceConfig(path=str(folder), **settings)).spec().class_names

    names = [f"kind {number}" for number in range(20)]
    (cifar_10 / "batches.meta.txt").write_text("\n".join(names[:10]) + "\n\n")
    (cifar_100 / "coarse_label_names.txt").write_text("\r\n".join(names))
    assert get_names(cifar_10) == tuple(names[:10])
    assert get_names(cifar_10, class_names=tuple("abcdefghij")) == tuple("abcdefghij")
    assert get_names(cifar_100, label_column="coarse_label") == tuple(names)
    assert get_names(cifar_100)[99] == "99"
    for text in ("cat\ndog\n", "cat\n" * 10, ""):
        (cifar_10 / "batches.meta.txt").write_text(text)
        with pytest.raises(BadDataError, match="does not name the classes"):
            get_names(cifar_10)


def test_a_label_column_that_is_not_there(cifar_10: Path, cifar_100: Path) -> None:
    with pytest.raises(ConfigError, match="CIFAR-10 has no labels") as caught:
        read(cifar_10, label_column="fine_label")
    assert caught.value.remedy == "remove the setting"
    with pytest.raises(ConfigError, match="CIFAR-100 has no labels") as caught:
        read(cifar_100, label_column="label")
    assert caught.value.expected == "fine_label or coarse_label"


@pytest.mark.parametrize(
    "names", [[f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"], ["meta", "train", "test"]]
)
def test_pickles_are_refused_in_words(tmp_path: Path, names) -> None:
    for name in names:
        (tmp_path / name).write_bytes(pickle.dumps({}))
    with pytest.raises(BadDataError, match="holds the Python version of CIFAR-10") as caught:
        read(tmp_path)
    assert "never read" in caught.value.got
    assert "cifar-10-binary.tar.gz" in caught.value.remedy


def test_files_that_are_missing(cifar_10: Path, tmp_path: Path) -> None:
    (cifar_10 / "data_batch_3.bin").unlink()
    with pytest.raises(BadDataError, match="lacks files of CIFAR-10") as caught:
        read(cifar_10)
    assert caught.value.got == "no data_batch_3.bin"
    with pytest.raises(BadDataError, match="holds no binary version"):
        read(tmp_path)
    with pytest.raises(BadDataError, match="does not exist"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("kept", "words"), [(-1, "3,072 bytes"), (0, "contains no images"), (3072, "0 images")]
)
def test_a_file_of_another_length(cifar_10: Path, kept: int, words: str) -> None:
    path = cifar_10 / "data_batch_5.bin"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadDataError, match=words):
        read(cifar_10)


def mutate_and_read(folder: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    path = folder / "train.bin"
    content = bytearray(cifar_files.to_records(*(array[:5] for array in BOTH["train"])))
    for _ in range(3):
        content[draw.integers(len(content))] = draw.integers(256)
    length = int(draw.choice([len(content), 3074 * 3, draw.integers(len(content))]))
    path.write_bytes(content[:length])
    try:
        found = read(folder)
    except PenstockError:
        assert length % 3074 or not length
        return
    records = np.frombuffer(content[:length], np.uint8).reshape(-1, 3074)
    images, labels = found["train"]
    np.testing.assert_array_equal(labels, records[:, 1])
    pixels = images.transpose(0, 3, 1, 2).reshape(len(labels), -1)
    np.testing.assert_array_equal(pixels, records[:, 2:])


def test_300_mutated_files_are_read_right_or_refused(cifar_100: Path) -> None:
    for seed in range(300):
        mutate_and_read(cifar_100, seed)


@pytest.mark.torture
def test_ten_thousand_mutated_files(cifar_100: Path) -> None:
    for seed in range(1000, 11_000):
        mutate_and_read(cifar_100, seed)


def test_labels_are_counted(cifar_100: Path) -> None:
    (piece,) = CifarBinarySource(SourceConfig(path=str(cifar_100)))._splits["test"]
    assert piece.count_labels() == {label * 7: 1 for label in range(7)}
