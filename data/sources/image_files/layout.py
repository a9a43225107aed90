"""Find the splits and classes of a folder of images by the names of its folders.

    class/name.ext              split/class/name.ext
    class/…/class/name.ext      split/class/…/class/name.ext     where classes are nested

What could be read in two ways is refused.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.sources.file_source import LeftOut
from data.sources.image_files.class_labels import choose_classes
from data.sources.image_files.labelled import Dataset, LabelledFile
from data.sources.image_files.listing import Listing, explain_no_image, is_image_name

SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class LayoutSettings:
    """How a folder is to be read."""

    root: str  # the folder, for messages
    nested: bool = False  # whether a class's name is the whole path below the split
    class_names: tuple[str, ...] | None = None  # all classes; None: those of the folders

    def names(self, label: str) -> bool:
        """Return whether the given class names hold a label."""
        return _normalize(label) in self._names

    @functools.cached_property
    def _names(self) -> set[str]:
        return set(map(_normalize, self.class_names or ()))


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """The folders that hold images: their names below the root → one of their images."""

    folders: dict[tuple[str, ...], str]
    splits: dict[str, str]  # folder → split; empty: there are no splits

    @property
    def depth(self) -> int:
        """Number of folders above those whose names are classes."""
        return 1 if self.splits else 0

    def get_label(self, folders: tuple[str, ...]) -> str:
        return "/".join(folders[self.depth :])


def read_layout(listing: Listing, settings: LayoutSettings) -> Dataset:
    """Find split and class of each image of a listing.

    Raises:
        BadDataError: the folders can be read in two ways, or in none.
    """
    images = [file for file in listing.files if is_image_name(file.name)]
    others = [file.name for file in listing.files if not is_image_name(file.name)]
    left_out = [*listing.left_out, *(LeftOut(name, explain_no_image(name)) for name in others)]
    _refuse_no_images(len(images), left_out, settings)
    places = [tuple(file.name.split("/")[:-1]) for file in images]
    folders = {folder: file.name for folder, file in zip(places, images, strict=True)}
    layout = _Layout(folders=folders, splits=_find_splits(folders, settings))
    _refuse_unlabelled(layout, settings)
    _refuse_nested(layout, settings)
    left_out += _list_empty(listing.folders, layout, settings)
    labels = {layout.get_label(folder): "/".join(folder) for folder in folders}
    class_names, classes = choose_classes(
        {label: f"the folder {place}" for label, place in labels.items()},
        settings.class_names,
        settings.root,
    )
    files = [
        LabelledFile(
            file.name,
            classes[layout.get_label(folder)],
            layout.splits.get(folder[0]),
            file.size,
            file.identity,
            file.problem,
        )
        for folder, file in zip(places, images, strict=True)
    ]
    described = "classes by folder"
    if layout.splits:
        described = f"splits by folder ({', '.join(map(escape_line, layout.splits))}), {described}"
    return Dataset(class_names, files, sorted(left_out), described)


def _refuse_no_images(images: int, left_out: list[LeftOut], settings: LayoutSettings) -> None:
    if images:
        return
    reasons = Counter(entry.reason for entry in left_out).most_common(_SHOWN)
    raise BadDataError(
        f"{settings.root} has no images",
        expected="files in folders that are named by their class: cat/one.jpg, dog/two.png",
        got=", ".join(f"{count} x {reason}" for reason, count in reasons) or "an empty folder",
        follows="nothing was ingested",
        remedy="check ingest.path; convert images of other formats to PNG or JPEG",
    )


def _find_splits(folders: Iterable[tuple[str, ...]], settings: LayoutSettings) -> dict[str, str]:
    """Map the folders that are splits to their splits; empty where there are none."""
    tops = list(dict.fromkeys(folder[0] for folder in folders if folder))
    splits = {top: SPLIT_FOLDERS[top.casefold()] for top in tops if _is_split(top)}
    direct = {folder[0] for folder in folders if len(folder) == 1}
    if direct.issuperset(splits) and all(map(settings.names, tops)):
        return {}  # classes that are called as splits are
    others = [top for top in tops if top not in splits]
    if splits and others:
        raise BadDataError(
            f"{settings.root} has splits and classes side by side",
            expected="folders of splits alone (train, val, valid, validation, test), each with "
            "folders of classes, or folders of classes alone",
            got=f"{_show(splits)} beside {_show(others)}",
            follows="nothing was ingested",
            remedy="move the classes into train/; where a class has the name of a split, name all "
            "classes in ingest.class_names",
        )
    first: dict[str, str] = {}
    for top, split in splits.items():
        if first.setdefault(split, top) != top:
            raise BadDataError(
                f"{settings.root} has two folders for the split {split}",
                expected="one folder for each split",
                got=_show([first[split], top]),
                follows="nothing was ingested",
                remedy="move the images of one into the other",
            )
    return splits


def _refuse_unlabelled(layout: _Layout, settings: LayoutSettings) -> None:
    for folder, image in layout.folders.items():
        if len(folder) <= layout.depth:
            raise BadDataError(
                f"{settings.root} has images without a class",
                expected="each image in a folder that is named by its class: "
                + ("train/cat/one.jpg" if layout.depth else "cat/one.jpg"),
                got=f"{escape_line(image)} directly in the "
                + ("folder of a split" if layout.depth else "folder"),
                follows="nothing was ingested",
                remedy="move the images into folders of classes, or list them with their labels in "
                "a table: --set ingest.source=table",
            )


def _refuse_nested(layout: _Layout, settings: LayoutSettings) -> None:
    """Refuse folders in the folders of classes, unless they are classes too."""
    for folder, image in layout.folders.items():
        inner, label = folder[layout.depth :], layout.get_label(folder)
        if len(inner) < 2:
            continue
        split = next(filter(_is_split, inner), None)
        if settings.nested and (split is None or settings.names(label)):
            continue
        if not layout.depth and len({folder[0] for folder in layout.folders}) == 1:
            remedy = f"set ingest.path to {settings.root}/{escape_line(folder[0])}"
        elif split:
            remedy = f"put the split first: {split}/{escape_line(inner[0])}"
        else:
            remedy = "move the images up into the folder of their class"
        if not settings.nested:
            choice = "--set ingest.nested_classes=true: then the class is"
            remedy += f", or {choice} {escape_line(label)!r}"
        raise BadDataError(
            f"{settings.root} has folders within folders of classes",
            expected="images directly in the folder of their class",
            got=escape_line(image),
            follows="nothing was ingested",
            remedy=remedy,
        )


def _list_empty(listed: Iterable[str], layout: _Layout, settings: LayoutSettings) -> list[LeftOut]:
    """List the folders without images; of a folder and those in it the topmost alone.

    Raises:
        BadDataError: one could be a class.
    """
    used = {"/".join(f[:end]) for f in layout.folders for end in range(1, len(f) + 1)}
    ends = range(layout.depth + 1, 1 + max(map(len, layout.folders)))
    labels = {layout.get_label(f[:end]) for f in layout.folders for end in ends}
    left_out = []
    for name in listed:
        above, _, _ = name.rpartition("/")
        inner = tuple(name.split("/"))[layout.depth :]
        label = "/".join(inner)
        if name in used or (above and above not in used) or label in labels:
            continue
        could_be_class = inner and (settings.nested or len(inner) == 1) and not _is_split(name)
        if could_be_class and settings.class_names is None:
            raise BadDataError(
                f"the folder {escape_line(name)} in {settings.root} has no images",
                expected="one or more images of each class",
                got="no file that ends in .jpg, .png, .gif, .webp or .bmp",
                follows="nothing was ingested: the folder could be a class",
                remedy="remove the folder, or name all classes in ingest.class_names",
            )
        if not settings.names(label):
            left_out.append(LeftOut(f"{name}/", "a folder without images"))
    return left_out


def _is_split(name: str) -> bool:
    return name.casefold() in SPLIT_FOLDERS


def _normalize(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _show(names: Iterable[str]) -> str:
    shown = [escape_line(name) for name in names]
    return ", ".join(shown[:_SHOWN]) + (" …" if len(shown) > _SHOWN else "")
