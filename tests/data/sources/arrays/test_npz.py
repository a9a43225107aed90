from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadDataError, EnvironmentTrouble
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
        found[f"x_{part.split}"] = np.concatenate([c.images for c in chunks])
        found[f"y_{part.split}"] = np.concatenate([c.labels for c in chunks])
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
    np.savez(tmp_path / "a.npz", x_train=GOOD["x_train"], y_train=GOOD["y_train"])
    with pytest.raises(BadDataError, match=r"x_test in .* is missing or not an array") as caught:
        read(tmp_path / "a.npz")
    assert "got:" in str(caught.value)
    assert "x_train, y_train\n" in str(caught.value)

    with zipfile.ZipFile(tmp_path / "none.npz", "w"):
        pass
    with pytest.raises(BadDataError, match="an empty archive"):
        read(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"no archive at all"])
def test_a_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(BadDataError, match="truncated or corrupt"):
        read(tmp_path / "a.npz")


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in GOOD:
            archive.writestr(f"{name}.npy", b"hello")
    with pytest.raises(BadDataError, match="is missing or not an array"):
        read(tmp_path / "a.npz")


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.npz", tmp_path):
        with pytest.raises(BadDataError, match="does not exist"):
            read(path)


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


@settings(max_examples=150, deadline=None, derandomize=True)
@given(**CASES)
def test_mutated_files_are_read_right_or_refused(survives, which, place, noise, cut) -> None:
    survives(which, place, noise, cut)


@pytest.mark.torture
@settings(max_examples=10_000, deadline=None, derandomize=True)
@given(**CASES)
def test_ten_thousand_mutations(survives, which, place, noise, cut) -> None:
    survives(which, place, noise, cut)
