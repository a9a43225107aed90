"""Folder layouts: each is read exactly, or refused by name; no label is shifted."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from data.errors import BadDataError, PenstockError
from data.sources import SourceConfig
from data.sources.image_files.image_folder import ImageFolderSource
from data.sources.image_files.layout import read_layout
from data.sources.image_files.layout_rules import LayoutSettings
from data.sources.image_files.listing import Listed, Listing

BYTES = os.fsdecode(b"\xff")
NFC, NFD = (unicodedata.normalize(form, "käse") for form in ("NFC", "NFD"))


class Layout(NamedTuple):
    what: str
    tree: str  # names with spaces between; "a->b" is a link to b, "a/" an empty folder
    expected: str | list[str]  # words of the error, or "name=class" or "name=class@split"
    classes: str = "cat dog"
    settings: dict[str, Any] = {}  # noqa: RUF012
    left_out: str = ""


BOTH = "cat/a.jpg dog/b.jpg"
NESTED = {"nested_classes": True}


def given(*names: str) -> dict[str, Any]:
    return {"class_names": names}


LAYOUTS = [
    Layout("classes", BOTH, ["cat/a.jpg=cat", "dog/b.jpg=dog"]),
    Layout(
        "endings in any case, and two of them",
        "cat/a.JPG cat/b.jpg.PNG cat/c.x.webp dog/d.JpEg dog/e.bmp dog/f.gif dog/g.jfif",
        [f"cat/{n}=cat" for n in ("a.JPG", "b.jpg.PNG", "c.x.webp")]
        + [f"dog/{n}=dog" for n in ("d.JpEg", "e.bmp", "f.gif", "g.jfif")],
    ),
    Layout(
        "files that are none of the images",
        f"{BOTH} labels.csv cat/notes.txt cat/a.jpg.part cat/c.tiff dog/b dog/.hidden.jpg .git/x",
        ["cat/a.jpg=cat", "dog/b.jpg=dog"],
        left_out="cat/notes.txt cat/a.jpg.part cat/c.tiff dog/b labels.csv dog/.hidden.jpg .git",
    ),
    Layout(
        "folders of the system",
        f"{BOTH} __MACOSX/cat/x.jpg cat/@eaDir/a.jpg",
        ["cat/a.jpg=cat", "dog/b.jpg=dog"],
        left_out="__MACOSX/ cat/@eaDir/",
    ),
    Layout(
        "official splits",
        "train/cat/a.jpg train/dog/b.jpg test/cat/c.jpg test/dog/d.jpg",
        [
            "test/cat/c.jpg=cat@test",
            "test/dog/d.jpg=dog@test",
            "train/cat/a.jpg=cat@train",
            "train/dog/b.jpg=dog@train",
        ],
    ),
    Layout(
        "a class that the test split lacks",
        "train/ape/a.jpg train/cat/b.jpg train/dog/c.jpg test/dog/d.jpg",
        [
            "test/dog/d.jpg=dog@test",
            "train/ape/a.jpg=ape@train",
            "train/cat/b.jpg=cat@train",
            "train/dog/c.jpg=dog@train",
        ],
        "ape cat dog",
    ),
    Layout(
        "a class that the train split lacks",
        "train/cat/a.jpg test/ape/b.jpg",
        ["test/ape/b.jpg=ape@test", "train/cat/a.jpg=cat@train"],
        "ape cat",
    ),
    Layout(
        "an empty folder of a class that another split has",
        "train/cat/a.jpg train/dog/b.jpg test/cat/c.jpg test/dog/",
        ["test/cat/c.jpg=cat@test", "train/cat/a.jpg=cat@train", "train/dog/b.jpg=dog@train"],
    ),
    *(
        Layout(
            f"a split called {name}",
            f"train/cat/a.jpg {name}/dog/b.jpg",
            sorted([f"{name}/dog/b.jpg=dog@{split}", f"train/cat/a.jpg=cat{train}"]),
        )
        for name, split, train in [  # without a test split, images of train have none
            ("val", "validation", ""),
            ("valid", "validation", ""),
            ("validation", "validation", ""),
            ("dev", "validation", ""),
            ("Test", "test", "@train"),
            ("testing", "test", "@train"),
        ]
    ),
    Layout(
        "train alone",
        "train/cat/a.jpg train/dog/b.jpg",
        ["train/cat/a.jpg=cat", "train/dog/b.jpg=dog"],
    ),
    Layout(
        "two names of a split, one of them empty",
        "train/cat/a.jpg train/dog/b.jpg val/dog/c.jpg valid/",
        ["train/cat/a.jpg=cat", "train/dog/b.jpg=dog", "val/dog/c.jpg=dog@validation"],
        left_out="valid/",
    ),
    Layout(
        "a folder beside splits without images",
        "train/cat/a.jpg train/dog/b.jpg test/dog/c.jpg annotations/cat/a.xml",
        ["test/dog/c.jpg=dog@test", "train/cat/a.jpg=cat@train", "train/dog/b.jpg=dog@train"],
        left_out="annotations/ annotations/cat/a.xml",
    ),
    Layout(
        "two names of a split",
        "train/cat/a.jpg val/dog/b.jpg valid/dog/c.jpg",
        "two folders for the split validation",
    ),
    Layout(
        "one name of a split twice",
        "train/cat/a.jpg Train/dog/b.jpg",
        "two folders for the split train",
    ),
    Layout("a split beside classes", f"{BOTH} test/cat/c.jpg", "splits and classes side by side"),
    Layout("a class called test", f"{BOTH} test/c.jpg", "splits and classes side by side"),
    Layout(
        "a class called test, by setting",
        f"{BOTH} test/c.jpg",
        ["cat/a.jpg=cat", "dog/b.jpg=dog", "test/c.jpg=test"],
        "test dog cat",
        given("test", "dog", "cat"),
    ),
    Layout(
        "classes called as splits, in splits",
        "train/train/a.jpg train/test/b.jpg test/train/c.jpg",
        [
            "test/train/c.jpg=train@test",
            "train/test/b.jpg=test@train",
            "train/train/a.jpg=train@train",
        ],
        "test train",
    ),
    Layout("train and test without classes", "train/a.jpg test/b.jpg", "images without a class"),
    Layout("a split with and without", "train/cat/a.jpg train/b.jpg", "images without a class"),
    Layout("images in the root", f"{BOTH} c.jpg", "images without a class"),
    Layout("images in the root alone", "a.jpg b.jpg", "images without a class"),
    Layout("nothing", "", "has no images"),
    Layout("no images", "cat/a.txt dog/b.tiff", "1 x not an image: .tiff"),
    Layout("one class", "cat/a.jpg cat/b.jpg", "only one class"),
    Layout("a class without images", f"{BOTH} eel/", "the folder eel in .* has no images"),
    Layout(
        "a class with other files alone", f"{BOTH} eel/a.heic", "the folder eel in .* has no images"
    ),
    Layout(
        "a folder that is no class, by setting",
        f"{BOTH} eel/ fox/",
        ["cat/a.jpg=cat", "dog/b.jpg=dog"],
        "dog cat eel",
        given("dog", "cat", "eel"),
        "fox/",
    ),
    Layout(
        "a class that is not given",
        f"{BOTH} dig/c.jpg",
        "did you mean 'dog'",
        "",
        given("cat", "dog"),
    ),
    Layout("nested classes", "pet/cat/a.jpg pet/dog/b.jpg eel/c.jpg", "folders within folders"),
    Layout(
        "nested classes, by setting",
        "pet/cat/a.jpg pet/dog/b.jpg eel/c.jpg pet/d.jpg",
        ["eel/c.jpg=eel", "pet/cat/a.jpg=pet/cat", "pet/d.jpg=pet", "pet/dog/b.jpg=pet/dog"],
        "eel pet pet/cat pet/dog",
        NESTED,
    ),
    Layout(
        "nested classes in splits",
        "train/pet/cat/a.jpg test/pet/dog/b.jpg",
        ["test/pet/dog/b.jpg=pet/dog@test", "train/pet/cat/a.jpg=pet/cat@train"],
        "pet/cat pet/dog",
        NESTED,
    ),
    Layout(
        "a nested class without images",
        "pet/cat/a.jpg pet/dog/ eel/b.jpg",
        "the folder pet/dog",
        "",
        NESTED,
    ),
    Layout("splits within classes", "cat/train/a.jpg dog/test/b.jpg", "put the split first"),
    Layout(
        "splits within classes, nested",
        "cat/train/a.jpg dog/test/b.jpg",
        "put the split first",
        "",
        NESTED,
    ),
    Layout("other names of splits", "training_set/cat/a.jpg test_set/cat/b.jpg", "rename test_set"),
    Layout("all in one folder", "all/cat/a.jpg all/dog/b.jpg", "set ingest.path to .*/all"),
    Layout("splits in one folder", "all/train/cat/a.jpg all/test/dog/b.jpg", "path to .*/all"),
    Layout("two names but for case", "train/Cat/a.jpg test/cat/c.jpg", "but for case"),
    Layout(
        "two names but for case, by setting",
        "A/a.jpg a/b.jpg",
        ["A/a.jpg=A", "a/b.jpg=a"],
        "a A",
        given("a", "A"),
    ),
    Layout("two names but for Unicode's form", f"{NFC}/a.jpg {NFD}/b.jpg", "but for Unicode form"),
    Layout(
        "Unicode's other form, by setting",
        f"{NFD}/a.jpg dog/b.jpg",
        ["dog/b.jpg=dog", f"{NFD}/a.jpg={NFC}"],
        f"{NFC} dog",
        given(NFC, "dog"),
    ),
    Layout(
        "numbers",
        "9/a.jpg 10/b.jpg 0/c.jpg 01/d.jpg 1/e.jpg",
        ["0/c.jpg=0", "01/d.jpg=01", "1/e.jpg=1", "10/b.jpg=10", "9/a.jpg=9"],
        "0 01 1 9 10",
    ),
    Layout(
        "numbers and names",
        "9/a.jpg 10/b.jpg x/c.jpg",
        ["10/b.jpg=10", "9/a.jpg=9", "x/c.jpg=x"],
        "10 9 x",
    ),
    Layout("a class of bytes", f"{BOTH} {BYTES}/c.jpg", "no UTF-8"),
    Layout("a class with a line break", f"{BOTH} e\nel/c.jpg", "a line break"),
    Layout(
        "names with bytes and line breaks",
        f"cat/{BYTES}.jpg dog/b\nb.jpg",
        [f"cat/{BYTES}.jpg=cat", "dog/b\nb.jpg=dog"],
    ),
    Layout(
        "links to a file and to a folder",
        f"{BOTH} cat/c.jpg->cat/a.jpg eel->.store/eel .store/eel/e.jpg",
        ["cat/a.jpg=cat", "cat/c.jpg=cat", "dog/b.jpg=dog", "eel/e.jpg=eel"],
        "cat dog eel",
        left_out=".store",
    ),
    Layout(
        "a loop of links",
        f"{BOTH} cat/all->. dog/dog->dog",
        ["cat/a.jpg=cat", "dog/b.jpg=dog"],
        left_out="cat/all/ dog/dog/",
    ),
    Layout(
        "two splits share a file",
        "train/cat/a.jpg train/dog/b.jpg test/cat/c.jpg->train/cat/a.jpg",
        "two splits share a file",
    ),
    Layout(
        "two splits share a folder",
        "train/cat/a.jpg train/dog/b.jpg test->train",
        "two splits share a file",
    ),
    Layout("two classes share a file", f"{BOTH} cat/c.jpg->dog/b.jpg", "two classes share a file"),
    Layout(
        "links that multiply",
        "a/a.jpg " + " ".join(f"{c}->a" for c in "bcdefghijk"),
        "more than 8 paths",
    ),
]


def make_tree(root: Path, tree: str) -> None:
    root.mkdir()
    for entry in tree.split(" ") if tree else []:
        name, link, target = entry.partition("->")
        path = root / name.rstrip("/")
        if entry.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if link:
            path.symlink_to(root / target)
        else:
            path.write_bytes(os.fsencode(name))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.what)
def test_a_layout_is_read_exactly_or_refused_by_name(layout: Layout, tmp_path: Path) -> None:
    make_tree(tmp_path / "root", layout.tree)
    source = ImageFolderSource(SourceConfig(path=str(tmp_path / "root"), **layout.settings))
    if isinstance(layout.expected, str):
        with pytest.raises(BadDataError) as caught:
            source.class_names()
        check_words(caught.value, layout.expected)
        return
    assert list(source.class_names()) == layout.classes.split()
    files = [file for part in source.list_parts() for file in source.read_files(part)]
    assert [
        f"{file.name}={file.label}" + (f"@{file.split}" if file.split else "") for file in files
    ] == layout.expected
    for file in files:  # each name leads to its own bytes
        assert file.problem is None
        assert (tmp_path / "root" / file.name).read_bytes() == file.content
    assert {entry.name for entry in source.left_out()} == set(layout.left_out.split())
    assert all(entry.reason for entry in source.left_out())


def check_words(error: PenstockError, words: str) -> None:
    text = str(error)
    assert re.search(words, text), text
    assert error.expected
    assert error.got
    assert error.follows
    assert error.remedy
    text.encode()  # no lone surrogates


def test_there_are_forty_layouts() -> None:
    assert len(LAYOUTS) >= 40


def test_ten_thousand_classes() -> None:
    numbers = tuple(map(str, range(10_000)))
    listing = Listing([Listed(f"{number}/1.png", 1) for number in numbers], list(numbers)).sort()
    dataset = read_layout(listing, LayoutSettings(root="x"))
    assert dataset.class_names == numbers
    assert [f"{file.label}/1.png" for file in dataset.files] == sorted(
        f"{n}/1.png" for n in numbers
    )
    given = numbers[::-1]
    assert read_layout(listing, LayoutSettings(root="x", class_names=given)).class_names == given
