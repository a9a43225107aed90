from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.sources import SourceConfig
from data.sources.arrays.npz import NpzSource

RNG = np.random.default_rng(0)
GOOD = {
    "x_train": RNG.integers(0, 256, (20, 4, 5), dtype=np.uint8),
    "y_train": np.arange(20, dtype=np.uint8) % 3,
    "x_test": RNG.integers(0, 256, (6, 4, 5), dtype=np.uint8),
    "y_test": np.arange(6, dtype=np.uint8) % 3,
}


def read(path: Path) -> dict[str, np.ndarray]:
    """All that the source gives, under the names of the arrays."""
    source = pickle.loads(pickle.dumps(NpzSource(SourceConfig(path=str(path)))))
    found = {}
    for part in source.parts():
        chunks = list(source.read(part))
        split = part.split or "train"
        found[f"x_{split}"] = np.concatenate([c.images for c in chunks])
        found[f"y_{split}"] = np.concatenate([c.labels for c in chunks])
    return found


def saved(path: Path, *, compress: bool = False, **changes) -> Path:
    (np.savez_compressed if compress else np.savez)(path, **{**GOOD, **changes})
    return path


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("label_type", [np.uint8, np.int64, ">i4"])
@pytest.mark.parametrize("column", [False, True], ids=["labels (n,)", "labels (n, 1)"])
def test_it_reads_what_keras_saves(tmp_path: Path, compress, label_type, column) -> None:
    labels = {name: GOOD[name].astype(label_type) for name in ("y_train", "y_test")}
    if column:
        labels = {name: array[:, np.newaxis] for name, array in labels.items()}
    found = read(saved(tmp_path / "a.npz", compress=compress, **labels))
    for name, array in GOOD.items():
        wanted = array[..., np.newaxis] if name.startswith("x") else array
        np.testing.assert_array_equal(found[name], wanted)
    assert found["y_train"].dtype == np.int64


def test_images_may_have_colours(tmp_path: Path) -> None:
    images = {
        name: RNG.integers(0, 256, (len(GOOD[name]), 4, 5, 3), dtype=np.uint8)
        for name in ("x_train", "x_test")
    }
    found = read(saved(tmp_path / "a.npz", **images))
    np.testing.assert_array_equal(found["x_test"], images["x_test"])


class Exploding:
    """Would say so if anything unpickled it."""

    def __reduce__(self):
        return print, ("unpickled!",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": GOOD["x_train"] / 255}, "float64 of shape (20, 4, 5)"),
        ({"x_test": GOOD["x_test"][0]}, "uint8 of shape (4, 5)"),
        ({"x_train": np.asfortranarray(GOOD["x_train"])}, "in Fortran order"),
        ({"y_train": GOOD["y_train"].astype(float)}, "float64 of shape (20,)"),
        ({"y_train": np.eye(3)[GOOD["y_train"]].astype(int)}, "int64 of shape (20, 3)"),
        ({"y_train": GOOD["y_train"][:-1]}, "19 in y_train"),
        ({"y_test": np.array([Exploding()] * 6)}, "never unpickled"),
        ({"y_test": GOOD["y_test"].astype(int) - 1}, "-1, 2 times"),
        ({"y_test": np.full(6, 1 << 40)}, f"{1 << 40}, 6 times"),
        ({"x_test": GOOD["x_test"][:, :, :3]}, "different sizes"),
        ({"x_test": GOOD["x_test"][:0], "y_test": GOOD["y_test"][:0]}, "contains no images"),
        ({"x_test": np.uint8(3)}, "uint8 of shape ()"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, capsys, changes, words: str) -> None:
    with pytest.raises(BadDataError) as caught:
        read(saved(tmp_path / "a.npz", **changes))
    assert words in str(caught.value)
    assert "unpickled!" not in capsys.readouterr().out


def test_an_array_that_is_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{**GOOD, "y_test": GOOD["y_test"].astype("<i8")[:, None]})
    whole = zipfile.ZipFile(tmp_path / "a.npz")
    with whole, zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        for name in ("x_train.npy", "y_train.npy", "y_test.npy"):
            archive.writestr(name, whole.read(name))
        archive.writestr("z.npy", b"")
        archive.writestr("notes.txt", b"")
    with pytest.raises(BadDataError, match="has no images of the split test") as caught:
        read(tmp_path / "b.npz")
    assert caught.value.got == (
        "x_train: uint8 (20, 4, 5); y_train: uint8 (20,); y_test: int64 (6, 1); "
        "z: not an array of numbers; notes.txt: not an array of numbers"
    )
    with zipfile.ZipFile(tmp_path / "none.npz", "w"):
        pass
    with pytest.raises(BadDataError, match="has no images of the split train") as caught:
        read(tmp_path / "none.npz")
    assert caught.value.got == "no arrays"


def read_splits(path: Path, **settings) -> dict[str | None, tuple[np.ndarray, np.ndarray]]:
    """Images and labels by split, None included."""
    source = pickle.loads(pickle.dumps(NpzSource(SourceConfig(path=str(path), **settings))))
    found = {}
    for part in source.parts():
        chunks = list(source.read(part))
        found[part.split] = tuple(np.concatenate([c[i] for c in chunks]) for i in (0, 1))
    return found


def make_arrays(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first images and labels of a split of GOOD."""
    part = "test" if split == "test" else "train"
    return GOOD[f"x_{part}"][:count], GOOD[f"y_{part}"][:count]


def check_splits(found, counts: dict[str | None, int]) -> None:
    assert {split: len(labels) for split, (_, labels) in found.items()} == counts
    for split, (images, labels) in found.items():
        wanted = make_arrays(str(split), counts[split])
        np.testing.assert_array_equal(images[..., 0], wanted[0])
        np.testing.assert_array_equal(labels, wanted[1])


def test_medmnist_has_a_validation_split_and_labels_in_a_column(tmp_path: Path) -> None:
    counts = {"train": 20, "validation": 5, "test": 6}
    arrays = {}
    for split, count in counts.items():
        images, labels = make_arrays(split, count)
        name = split.replace("validation", "val")
        arrays |= {f"{name}_images": images, f"{name}_labels": labels[:, np.newaxis]}
    np.savez_compressed(tmp_path / "bloodmnist.npz", **arrays)
    check_splits(read_splits(tmp_path / "bloodmnist.npz"), counts)
    check_splits(read_splits(tmp_path), counts)  # the only file of a folder


@pytest.mark.parametrize("keys", [("x_train", "y_train"), ("images", "labels"), ("X", "y")])
def test_one_split_is_open_to_be_cut(tmp_path: Path, keys) -> None:
    images, labels = make_arrays("train", 20)
    np.savez(tmp_path / "a.npz", **dict(zip(keys, (images, labels), strict=True)), further=labels)
    check_splits(read_splits(tmp_path / "a.npz"), {None: 20})
    source = NpzSource(SourceConfig(path=str(tmp_path / "a.npz")))
    assert source.describe() == "not used: further"
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("labels.txt", "no array")
    check_splits(read_splits(tmp_path / "a.npz"), {None: 20})
    source = NpzSource(SourceConfig(path=str(tmp_path / "a.npz")))
    assert source.describe() == "not used: further, labels.txt"


def write_kmnist(folder: Path, dataset: str = "kmnist") -> None:
    for split, count in {"train": 20, "test": 6}.items():
        for kind, array in zip(("imgs", "labels"), make_arrays(split, count), strict=True):
            np.savez_compressed(folder / f"{dataset}-{split}-{kind}.npz", array)


def test_kmnist_has_an_array_in_each_of_four_files(tmp_path: Path) -> None:
    write_kmnist(tmp_path)
    (tmp_path / "kmnist_classmap.csv").touch()
    check_splits(read_splits(tmp_path), {"train": 20, "test": 6})
    write_kmnist(tmp_path, "k49")
    with pytest.raises(ConfigError, match="holds the files of 2 datasets") as caught:
        read_splits(tmp_path)
    assert caught.value.got == "k49, kmnist"
    check_splits(read_splits(tmp_path, name="k49"), {"train": 20, "test": 6})


def test_a_file_for_each_split(tmp_path: Path) -> None:
    for split, count in {"train": 20, "test": 6}.items():
        images, labels = make_arrays(split, count)
        np.savez(tmp_path / f"{split}.npz", image=images, label=labels)
    check_splits(read_splits(tmp_path), {"train": 20, "test": 6})


def test_channels_may_come_first(tmp_path: Path) -> None:
    colour = RNG.integers(0, 256, (20, 4, 5, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=np.moveaxis(colour, 3, 1), y=GOOD["y_train"])
    with pytest.raises(BadDataError, match="images of 5 channels") as caught:
        read_splits(tmp_path / "a.npz")
    assert caught.value.remedy == "--set ingest.axes=CHW"
    found = read_splits(tmp_path / "a.npz", axes="CHW")
    np.testing.assert_array_equal(found[None][0], colour)


def claim(array: np.ndarray, shape: tuple[int, ...]) -> bytes:
    """A file of an array whose header claims another shape."""
    file = io.BytesIO()
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + array.tobytes()


@pytest.mark.parametrize(
    "shape", [(1 << 40, 4, 5), (20, 1 << 31, 1 << 31), (19, 4, 5), (1, 400), (-20, 4, 5)]
)
def test_a_header_that_claims_another_size_is_refused_before_reading(tmp_path, shape) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", claim(GOOD["x_train"], shape))
        archive.writestr("y.npy", claim(GOOD["y_train"], shape[:1]))
    with pytest.raises(BadDataError) as caught:
        NpzSource(SourceConfig(path=str(tmp_path / "a.npz")))
    assert str(shape[0]) in str(caught.value)


def test_an_image_that_would_fill_the_memory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("data.sources.arrays.array_source._MOST_IMAGE_BYTES", 19)
    with pytest.raises(BadDataError, match="images that are too large") as caught:
        read(saved(tmp_path / "a.npz"))
    assert caught.value.got == "4 x 5 x 1 = 20 bytes"


def test_an_archive_that_claims_less_than_it_holds(tmp_path: Path) -> None:
    """What a zip bomb does: the directory and the header state the size of the array."""
    content = claim(GOOD["x_train"], (20, 4, 5))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content + bytes(50_000_000))
        archive.writestr("y.npy", claim(GOOD["y_train"], (20,)))
    whole = (tmp_path / "a.npz").read_bytes()
    size = (len(content) + 50_000_000).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(whole.replace(size, len(content).to_bytes(4, "little")))
    with pytest.raises(BadDataError, match="truncated or corrupt"):
        read_splits(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"no archive at all"])
def test_a_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(BadDataError, match="truncated or corrupt"):
        read(tmp_path / "a.npz")


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in GOOD:
            archive.writestr(f"{name}.npy", b"hello")
    with pytest.raises(BadDataError, match="is not an array"):
        read(tmp_path / "a.npz")


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="does not exist"):
        read(tmp_path / "nowhere.npz")
    with pytest.raises(BadDataError, match="has no images of the split train"):
        read(tmp_path)


def test_no_permission_is_the_environments_trouble(tmp_path: Path, unprivileged) -> None:
    path = saved(tmp_path / "a.npz")
    path.chmod(0)
    with unprivileged(), pytest.raises(EnvironmentTrouble, match="cannot be read"):
        read(path)


@pytest.fixture(scope="module")
def survives(tmp_path_factory):
    """A function that changes some bytes of a good file, and holds the reader to NumPy's."""
    path = tmp_path_factory.mktemp("npz") / "mutated.npz"
    originals = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **GOOD)
        originals.append(buffer.getvalue())

    def check(which: int, place: float, noise: bytes, cut: bool) -> None:
        original = originals[which]
        at = int(place * len(original))
        path.write_bytes(original[:at] + (b"" if cut else noise + original[at + len(noise) :]))
        try:
            found = read(path)
        except BadDataError:
            return
        with np.load(path, allow_pickle=False) as archive:
            for name, array in found.items():
                np.testing.assert_array_equal(array.ravel(), archive[name].ravel())

    return check


CASES = {
    "which": st.integers(0, 1),
    "place": st.floats(0, 1),
    "noise": st.binary(min_size=1, max_size=8),
    "cut": st.booleans(),
}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(**CASES)
def test_mutated_files_are_read_right_or_refused(survives, which, place, noise, cut) -> None:
    survives(which, place, noise, cut)


@pytest.mark.torture
@settings(max_examples=10_000, deadline=None, derandomize=True)
@given(**CASES)
def test_ten_thousand_mutations(survives, which, place, noise, cut) -> None:
    survives(which, place, noise, cut)
