"""The source `image_folder`: parts, groups, URLs, and files that cannot be read."""

from __future__ import annotations

import errno
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import stores  # noqa: F401  (Beam finds its file systems)

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.sources import SourceConfig, file_source, make_source
from data.sources.file_source import FileSource, ImageFile
from data.sources.image_files import parts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty images of two classes, and some files that are none."""
    root = tmp_path / "images"
    for index in range(30):
        name = root / f"{'ab'[index % 2]}" / f"p{index % 5}_{index:02}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_bytes(b"x" * index or b"?")
    (root / "a" / ".hidden.png").write_bytes(b"x")
    (root / "notes.txt").write_bytes(b"x")
    return root


def make(path: object, **settings: object) -> FileSource:
    source = make_source("image_folder", SourceConfig(path=str(path), **settings))  # type: ignore[arg-type]
    assert isinstance(source, FileSource)
    return source


def read(source: FileSource) -> list[ImageFile]:
    return [file for part in source.list_parts() for file in source.read_files(part)]


def test_parts_are_bounded_and_in_the_order_of_the_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(f"{file.parent.name}/{file.name}" for file in folder.glob("*/p*.png"))
    assert [file.name for file in read(make(folder))] == names
    assert [part.files for part in make(folder).list_parts()] == [30]
    monkeypatch.setattr(file_source, "PART_FILES", 7)
    assert [part.files for part in make(folder).list_parts()] == [7, 7, 7, 7, 2]
    monkeypatch.setattr(file_source, "PART_BYTES", 25)
    cut = make(folder).list_parts()
    assert [part.index for part in cut] == list(range(len(cut)))
    assert all(part.files == 1 or (part.size or 0) <= 25 for part in cut)
    assert sum(part.size or 0 for part in cut) == sum(p.stat().st_size for p in folder.glob("*/p*"))
    assert [file.name for file in read(make(folder))] == names


def test_a_worker_needs_the_part_alone(folder: Path) -> None:
    source = make(folder)
    parts = source.list_parts()
    sent = pickle.loads(pickle.dumps((source, parts)))
    assert len(pickle.dumps(source)) < 2000  # the listing is not sent
    (folder / "c").mkdir()  # nor made again
    assert [f for p in sent[1] for f in sent[0].read_files(p)] == read(source)


def test_groups_are_a_pattern_of_the_path(folder: Path) -> None:
    groups = [file.group for file in read(make(folder, group=r"/(p[0-9])_"))]
    assert set(groups) == {f"p{index}" for index in range(5)}
    described = make(folder, group="(p)").describe()  # type: ignore[attr-defined]
    assert described == "classes by folder, groups by '(p)'"
    assert [file.group for file in read(make(folder))] == [None] * 30
    for pattern, words in [("p[0-9]", "no group"), ("(a)(b)", "2 groups"), ("(", "unterminated")]:
        with pytest.raises(ConfigError, match="regular expression with one group") as caught:
            make(folder, group=pattern)
        assert words in str(caught.value.got)
    with pytest.raises(BadDataError, match="does not match the path of a/p0_00"):
        make(folder, group="(p1)").class_names()
    with pytest.raises(BadDataError, match="does not match the path of a/p0_00"):
        make(folder, group="(x?)").class_names()
    for split in ("train", "test"):
        for name in ("a", "b"):
            (folder / split / name).mkdir(parents=True)
            (folder / split / name / "p1_0.png").write_bytes(b"x")
    for name in ("a", "b"):
        (folder / name).rename(folder / "train" / f"more_{name}")
    described = make(folder).describe()  # type: ignore[attr-defined]
    assert described == "splits by folder (test, train), classes by folder"
    with pytest.raises(BadDataError, match="the group 'p1' is in two splits"):
        make(folder, group="/(p[0-9])_").class_names()


@pytest.fixture(params=["box", "bucket"])
def url_of(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """A function that gives a local path's URL in one of the stores."""
    return lambda path: f"{request.param}://{path}"


def test_a_url_gives_what_the_local_folder_gives(folder: Path, url_of) -> None:
    local, remote = make(folder), make(url_of(folder))
    assert read(remote) == read(local)
    assert remote.class_names() == local.class_names()
    assert remote.left_out() == local.left_out() != []
    assert [part.size for part in remote.list_parts()] == [part.size for part in local.list_parts()]
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "c.png").write_bytes(b"x")
    assert ("__MACOSX/c.png", "in a folder of the system") in make(url_of(folder)).left_out()
    with pytest.raises(BadDataError, match="is not a folder of images"):
        make(url_of(folder / "nowhere")).class_names()


def test_a_table_behind_a_url_gives_what_the_local_one_gives(folder: Path, url_of) -> None:
    inner = "images[1]" if "box" in url_of(folder) else "images"  # the bucket has no prefixes
    folder = folder.rename(folder.parent / inner)
    names = [f"{name}/{file}" for name in "ab" for file in sorted(os.listdir(folder / name))]
    rows = "".join(f"{inner}/{name},{name[0]}\n" for name in [*names[:-1], "a/none.png"])
    (folder.parent / "t.csv").write_text(f"path,label\n{rows}")
    (folder.parent / "0.png").write_bytes(b"x")
    table = folder.parent / "t.csv"

    def make_table(path: str, **settings: str) -> FileSource:
        source = make_source("table", SourceConfig(path=path, **settings))
        assert isinstance(source, FileSource)
        return source

    local, remote = make_table(str(table)), make_table(url_of(table))
    assert read(remote) == read(local)
    assert remote.left_out() == local.left_out()
    assert (f"{inner}/b/p4_29.png", "no row") in local.left_out()
    both = make_table(str(table), images=url_of(folder.parent))
    assert read(both) == read(local)
    absolute = rows.replace(f"{inner}/", f"{url_of(folder)}/")
    table.write_text(f"path,label\n{absolute}")
    assert read(make_table(url_of(table), images=url_of(folder.parent))) == read(remote)


def test_a_folder_that_cannot_be_listed_is_the_environments_trouble(unprivileged) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to others
        folder = Path(name)
        for inner in (folder, folder / "a", folder / "b"):
            inner.mkdir(exist_ok=True)
            inner.chmod(0o755)
        (folder / "a" / "1.png").write_bytes(b"x")
        for closed, mode in ((folder / "b", 0), (folder / "a", 0o444), (folder, 0)):
            closed.chmod(mode)
            with unprivileged(), pytest.raises(EnvironmentTrouble, match="cannot be listed"):
                make(folder).class_names()
            closed.chmod(0o755)
        folder.chmod(0)
        with unprivileged(), pytest.raises(EnvironmentTrouble, match="cannot be listed"):
            make(f"box://{folder}").class_names()
        with unprivileged(), pytest.raises(EnvironmentTrouble, match="cannot be listed"):
            make(folder / "a").class_names()
        folder.chmod(0o755)


@pytest.mark.parametrize("what", ["nowhere", "a file", "a loop"])
def test_what_is_no_folder(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "a file":
        path.touch()
    elif what == "a loop":
        path.symlink_to(path)
    with pytest.raises(BadDataError, match="x is not a folder of images"):
        make(path).class_names()


def test_a_file_that_cannot_be_read_has_a_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a" / "0_broken.png").symlink_to("nowhere")
    (folder / "a" / "1_loop.png").symlink_to("1_loop.png")
    (folder / "a" / "2_empty.png").touch()
    (folder / "a" / "3_big.png").write_bytes(b"x" * 4000)
    (folder / "a" / "4_gone.png").write_bytes(b"x")
    (folder / "a" / "notes").symlink_to("nowhere")
    monkeypatch.setattr(parts, "MOST_BYTES", 3999)
    source = make(folder)
    listed = source.list_parts()
    (folder / "a" / "4_gone.png").unlink()
    files = [file for part in listed for file in source.read_files(part)]
    assert {file.name: file.problem for file in files if file.problem} == {
        "a/0_broken.png": "a broken link",
        "a/1_loop.png": "a broken link",
        "a/2_empty.png": "an empty file",
        "a/3_big.png": "more than 0 MiB",
        "a/4_gone.png": "the file does not exist",
    }
    assert all(file.label == "a" and not file.content for file in files if file.problem)
    assert ("a/notes", "not an image: no ending") in source.left_out()


def test_a_disk_that_fails_is_no_bad_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(parts, "_read_local", fail)
    with pytest.raises(EnvironmentTrouble, match=r"p0_00\.png cannot be read"):
        read(make(folder))


class Photographs:
    """A source of a user's own: photographs that lie in one folder, with the label in the name."""

    def __init__(self, config: SourceConfig) -> None:
        self.folder = Path(config.path or "")

    def class_names(self) -> list[str]:
        return sorted({path.name.split("-")[0] for path in self.folder.glob("*.jpg")})

    def list_parts(self) -> list[file_source.FilePart]:
        names = sorted(path.name for path in self.folder.glob("*.jpg"))
        halves = [names[::2], names[1::2]]
        return [
            file_source.FilePart(index=index, files=len(half), size=None, items=half)
            for index, half in enumerate(halves)
        ]

    def read_files(self, part: file_source.FilePart):
        for name in part.items:
            content = (self.folder / name).read_bytes()
            yield ImageFile(name=name, content=content, label=name.split("-")[0])


def test_a_source_of_your_own_needs_three_methods(tmp_path: Path) -> None:
    for name in ("cat-1.jpg", "cat-2.jpg", "dog-1.jpg"):
        (tmp_path / name).write_bytes(b"x")
    source = make_source(f"{__name__}:Photographs", SourceConfig(path=str(tmp_path)))
    assert isinstance(source, FileSource)
    assert [file.label for file in read(source)] == ["cat", "dog", "cat"]


class Unfinished:
    """Lacks a method of the protocol."""

    def __init__(self, config: SourceConfig) -> None:
        self.class_names = self.list_parts = config


def test_what_lacks_a_method_is_told_which() -> None:
    with pytest.raises(ConfigError, match="is not a source") as caught:
        make_source(f"{__name__}:Unfinished", SourceConfig())
    assert "a class without read_files" in str(caught.value.got)
    assert "data.sources.file_source.FileSource" in str(caught.value.remedy)
