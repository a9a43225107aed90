"""Input files by URL: read as the local ones, told apart without being read, errors that say so."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import cifar_files
import idx_files
import numpy as np
import pytest
import stores  # noqa: F401  (Beam finds its file systems)

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.files.input_files import RemotePath, is_url, list_stamps, resolve_input_path
from data.sources import SourceConfig, make_source

RNG = np.random.default_rng(0)
SPLITS = {
    "train": (RNG.integers(0, 256, (30, 5, 4), dtype=np.uint8), np.arange(30, dtype=np.uint8) % 3),
    "test": (RNG.integers(0, 256, (7, 5, 4), dtype=np.uint8), np.arange(7, dtype=np.uint8) % 3),
}

SIZES = [("train", 10), ("test", 3)]  # of CIFAR


@pytest.fixture(params=["box", "bucket"])
def url_of(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """A function that gives a local path's URL in one of the stores."""
    return lambda path: f"{request.param}://{path}"


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """Source → the same images as its files."""
    idx_files.write_idx(tmp_path / "idx", **SPLITS)
    idx_files.write_idx(tmp_path / "plain", **SPLITS, compress=False)
    arrays = {f"{a}_{s}": both[i] for s, both in SPLITS.items() for i, a in enumerate("xy")}
    np.savez_compressed(tmp_path / "images.npz", **arrays)
    for key, array in arrays.items():
        np.savez(make_folder(tmp_path / "npz") / f"{key}.npz", array)
    header = ",".join(["label", *(f"{row}x{column}" for row in range(5) for column in range(4))])
    for split, (images, labels) in SPLITS.items():
        rows = np.column_stack([labels, images.reshape(-1, 20)])
        path = make_folder(tmp_path / "csv") / f"{split}.csv"
        np.savetxt(path, rows, "%d", ",", header=header, comments="")
    colour = {s: (RNG.integers(0, 256, (n, 32, 32, 3), np.uint8), np.arange(n)) for s, n in SIZES}
    return {
        "idx": tmp_path / "idx",
        "idx, plain": tmp_path / "plain",
        "npz": tmp_path / "images.npz",
        "npz, a folder": tmp_path / "npz",
        "pixels_csv": tmp_path / "csv",
        "pixels_csv, one file": tmp_path / "csv" / "train.csv",
        "cifar_binary": cifar_files.write_cifar_10(tmp_path / "cifar", **colour),
    }


FORMS = [
    *("idx", "idx, plain", "npz", "npz, a folder"),
    *("pixels_csv", "pixels_csv, one file", "cifar_binary"),
]


def make_folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def read(form: str, path: object) -> list[tuple[str, bytes, bytes]]:
    """All that the source gives, in order, after a way through pickle."""
    source = make_source(form.partition(",")[0], SourceConfig(path=str(path)))
    source = pickle.loads(pickle.dumps(source))
    return [
        (part.split, chunk.images.tobytes(), chunk.labels.tobytes())
        for part in source.parts()
        for chunk in source.read(part)
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("part_images", [20_000, 7])
def test_a_url_gives_what_the_local_path_gives(
    inputs, url_of, form, part_images, monkeypatch
) -> None:
    monkeypatch.setattr("data.sources.arrays.labelled_images.PART_IMAGES", part_images)
    wanted = read(form, inputs[form])
    assert read(form, url_of(inputs[form])) == wanted
    if inputs[form].is_dir():
        assert read(form, f"{url_of(inputs[form])}/") == wanted


def test_a_remote_file_is_a_file_that_can_be_entered_anywhere(tmp_path: Path, url_of) -> None:
    content = RNG.bytes(3 << 20)  # more than is fetched at a time
    (tmp_path / "some.gz").write_bytes(content)
    with RemotePath(url_of(tmp_path / "some.gz")).open() as file:
        assert file.read() == content
        for at in (0, 5, 1 << 20, len(content) - 3):
            assert file.seek(at) == at
            assert file.read(9) == content[at : at + 9]
        assert file.seek(-4, io.SEEK_END) == len(content) - 4
        assert file.read() == content[-4:]
    assert file.closed


def test_only_what_has_a_scheme_is_remote(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_input_path("a//b") == tmp_path / "a" / "b"
    assert resolve_input_path("~") == Path.home()
    assert str(resolve_input_path("gs://bucket/a/")) == "gs://bucket/a"
    assert (RemotePath("gs://bucket/a") / "b.gz").name == "b.gz"
    assert [is_url(path) for path in (None, "", "a", "/a:b", "s3://a")] == [False] * 4 + [True]


def test_stamps_change_when_a_file_does_and_not_otherwise(inputs, url_of) -> None:
    folder = inputs["idx"]
    (folder / "deep").mkdir()
    (folder / "deep" / "more").write_bytes(b"more")
    first = list_stamps(url_of(folder))
    names = sorted(p for p in folder.rglob("*") if p.is_file())
    assert list(first) == [url_of(path) for path in names]
    assert list_stamps(f"{url_of(folder)}/") == first
    (folder / ".hidden").write_bytes(b"")
    assert list_stamps(url_of(folder)) == first
    for path in names:  # as long as before, so that only time or checksum tells
        before = path.stat()
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
        changed = list_stamps(url_of(folder))
        assert {url for url in first if first[url] != changed[url]} == {url_of(path)}
        first = changed
    names[0].unlink()
    assert first.keys() - list_stamps(url_of(folder)).keys() == {url_of(names[0])}


def test_stamps_of_a_file_and_of_nothing(inputs, url_of, tmp_path: Path) -> None:
    assert list(list_stamps(url_of(inputs["npz"]))) == [url_of(inputs["npz"])]
    assert list_stamps(url_of(tmp_path / "nowhere")) == {}


@pytest.mark.parametrize("form", ["idx", "npz", "tfds_dir"])
def test_what_is_not_there(url_of, tmp_path: Path, form: str) -> None:
    with pytest.raises(BadDataError, match="does not exist") as caught:
        read(form, url_of(tmp_path / "nowhere"))
    assert url_of(tmp_path / "nowhere") in str(caught.value)


@pytest.mark.parametrize("form", ["idx", "npz"])
def test_no_permission_is_the_environments_trouble(inputs, url_of, form: str, unprivileged) -> None:
    source = make_source(form, SourceConfig(path=url_of(inputs[form])))
    inputs[form].parent.chmod(0)
    try:
        for look, words in (
            (lambda: read(form, url_of(inputs[form])), "cannot be read"),
            (lambda: list(source.read(source.parts()[0])), "cannot be read"),
            (lambda: list_stamps(url_of(inputs["idx"])), "cannot be listed"),
        ):
            with unprivileged(), pytest.raises(EnvironmentTrouble, match=words) as caught:
                look()
            assert any(word in str(caught.value) for word in ("Permission denied", "Forbidden"))
    finally:
        inputs[form].parent.chmod(0o755)


@pytest.mark.parametrize("url", ["nowhere://a/b", "file:///a/b", "https://a.b/c"])
def test_a_scheme_that_no_file_system_knows(url: str) -> None:
    for look in (list_stamps, lambda url: read("idx", url), lambda url: read("npz", url)):
        with pytest.raises(ConfigError, match="no file system") as caught:
            look(url)
        assert "box://" in str(caught.value)
        assert "apache-beam[gcp]" in str(caught.value)


def test_broken_files_say_so_as_local_ones_do(inputs, url_of) -> None:
    images = inputs["idx"] / "train-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:-9])
    with pytest.raises(BadDataError, match="truncated or corrupt"):
        read("idx", url_of(inputs["idx"]))
    images.write_bytes(gzip.compress(b"\0\0\x08\x01"))
    with pytest.raises(BadDataError, match="not the expected IDX file"):
        read("idx", url_of(inputs["idx"]))
    inputs["npz"].write_bytes(b"no archive")
    with pytest.raises(BadDataError, match="truncated or corrupt"):
        read("npz", url_of(inputs["npz"]))
    with zipfile.ZipFile(inputs["npz"], "w") as archive:
        archive.writestr("x_train.npy", b"hello")
    with pytest.raises(BadDataError, match="has no labels of the split train"):
        read("npz", url_of(inputs["npz"]))


def test_a_file_that_goes_away_while_it_is_read(inputs, url_of) -> None:
    source = make_source("idx", SourceConfig(path=url_of(inputs["idx"])))
    (inputs["idx"] / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(BadDataError, match="does not exist"):
        list(source.read(source.parts()[-1]))


def test_local_files_need_no_beam(inputs) -> None:
    code = (
        "import sys; from data.sources import SourceConfig, make_source\n"
        f"for name, path in (('idx', {str(inputs['idx'])!r}), ('npz', {str(inputs['npz'])!r})):\n"
        "    source = make_source(name, SourceConfig(path=path))\n"
        "    [list(source.read(part)) for part in source.parts()]\n"
        "print('apache_beam' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
